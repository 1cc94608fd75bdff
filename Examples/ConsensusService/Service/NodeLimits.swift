/// The bounds of a node's streams and batches.
public struct NodeLimits: Hashable, Sendable {
  /// How many subscriptions and followers of the head there can be. Default 1,024.
  public var maxSubscribers = 1_024

  /// How many events wait for one subscriber before it is dropped. Default 1,024.
  public var eventBuffer = 1_024

  /// How many votes one batch can hold. Default 1,024.
  public var maxBatchVotes = 1_024

  /// How many vote batches may be on their way to this node, shared by its open streams. Default 64.
  public var voteBatchBudget: UInt32 = 64

  /// The largest proposal that can be uploaded in parts, as bytes on the wire. Default 1.25 MiB: a full block,
  /// with room for what surrounds its transactions.
  public var maxUploadBytes = 1_310_720

  /// The defaults.
  public init() {}
}
