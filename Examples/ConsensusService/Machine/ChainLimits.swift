/// The bounds of a node: with them its memory is bounded whatever its peers send.
public struct ChainLimits: Hashable, Sendable {
  /// How many validators there can be. Default 1,024.
  public var maxValidators = 1_024

  /// The largest voting power of one validator. Default 10^9, so that sums stay far below 64 bits.
  public var maxVotingPower: UInt64 = 1_000_000_000

  /// The largest block, counted as the bytes of its transactions together. Default 1 MiB.
  public var maxBlockBytes = 1_048_576

  /// The largest block on the wire, with everything that surrounds its transactions. Default 1.25 MiB.
  public var maxEncodedBytes = 1_310_720

  /// How many transactions a block can hold. Default 10,000.
  public var maxTransactions = 10_000

  /// How many pieces of evidence a block can hold, and how many wait for a block. Default 16.
  public var maxEvidence = 16

  /// The longest vote extension in bytes. Default 1,024.
  public var maxExtensionBytes = 1_024

  /// How many rounds ahead of the current one votes and proposals are taken. Default 4.
  public var maxRoundsAhead: UInt32 = 4

  /// How many rounds of one height are kept; votes for older ones are refused. Default 16.
  public var keptRounds: UInt32 = 16

  /// How many decided heights keep their votes and proposals, for duplicates and evidence. Default 4.
  public var keptVoteHeights: UInt64 = 4

  /// How many blocks are kept; older ones can no longer be synced. Default 256.
  public var keptBlocks = 256

  /// How many heights after the one being decided a new validator becomes active. Default 2.
  public var activationDelay: UInt64 = 2

  /// How many heights an epoch of duties has. Default 16.
  public var epochLength: UInt64 = 16

  /// The largest page of the validator set. Default 100.
  public var maxPageSize = 100

  /// How far a block's timestamp may lie ahead of this node's clock, in nanoseconds. Default 10 s.
  public var maxClockDrift: UInt64 = 10_000_000_000

  /// The defaults.
  public init() {}
}
