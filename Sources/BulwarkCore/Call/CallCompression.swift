import Synchronization

/// What is known and decided of compression in a call on the server, in one atomic word: the path of a call that
/// compresses nothing takes no lock for it. Safe from any thread.
struct CallCompression: ~Copyable, Sendable {
  /// From the lowest byte: what the client reads, the responses' algorithm, the request's, and the two flags below.
  private let word = Atomic<UInt32>(UInt32(CompressionAlgorithms(bits: 0).bits))

  private static let isExplicit: UInt32 = 1 << 24
  private static let isSettled: UInt32 = 1 << 25

  /// Says what the call has begun with.
  func begin(accepted: CompressionAlgorithms, responses: CompressionAlgorithm) {
    let responses = accepted.contains(responses) ? responses : .identity
    self.word.store(UInt32(accepted.bits) | UInt32(responses.rawValue) << 8, ordering: .releasing)
  }

  /// Says what the request was compressed with, once.
  func noteRequest(_ algorithm: CompressionAlgorithm) {
    self.word.bitwiseOr(UInt32(algorithm.rawValue) << 16, ordering: .releasing)
  }

  /// Has the responses compressed with an algorithm that the client reads; with none if it does not read this one.
  func choose(_ algorithm: CompressionAlgorithm) {
    var old = self.word.load(ordering: .acquiring)
    while old & Self.isSettled == 0 {
      let chosen = self.accepted.contains(algorithm) ? algorithm : .identity
      let new = old & ~0xFF00 | UInt32(chosen.rawValue) << 8 | Self.isExplicit
      let (isDone, current) = self.word.compareExchange(
        expected: old,
        desired: new,
        ordering: .acquiringAndReleasing
      )
      if isDone { return }
      old = current
    }
  }

  /// What the responses are compressed with from now on, and whether the handler has asked for it.
  func settle() -> (algorithm: CompressionAlgorithm, isExplicit: Bool) {
    var word = self.word.load(ordering: .acquiring)
    // There is nothing to choose from if the client reads plain messages only.
    if word & Self.isSettled == 0, !self.accepted.isOnlyIdentity {
      word = self.word.bitwiseOr(Self.isSettled, ordering: .acquiringAndReleasing).newValue
    }
    return (Self.algorithm(word >> 8), word & Self.isExplicit != 0)
  }

  var accepted: CompressionAlgorithms {
    CompressionAlgorithms(bits: UInt8(truncatingIfNeeded: self.word.load(ordering: .acquiring)))
  }

  var responses: CompressionAlgorithm { Self.algorithm(self.word.load(ordering: .acquiring) >> 8) }

  var request: CompressionAlgorithm { Self.algorithm(self.word.load(ordering: .acquiring) >> 16) }

  private static func algorithm(_ bits: UInt32) -> CompressionAlgorithm {
    CompressionAlgorithm(rawValue: UInt8(truncatingIfNeeded: bits)) ?? .identity
  }
}
