import NIOCore
import Synchronization
import Testing

@testable import BulwarkCore

@Suite struct CompressionTests {
  private let message = ByteBuffer(string: "message")

  @Test func identityIsAlwaysRead() {
    #expect(([] as CompressionAlgorithms).contains(.identity))
    #expect(!([] as CompressionAlgorithms).contains(.gzip))
    #expect(([.gzip, .deflate] as CompressionAlgorithms) == .all)
  }

  @Test func anAlgorithmHasTheNameThatGRPCGivesIt() {
    #expect(CompressionAlgorithm.allCases.map(\.description) == ["identity", "gzip", "deflate"])
  }

  // MARK: - Choices of a handler

  private func context(accepted: CompressionAlgorithms, default: CompressionAlgorithm) -> CallContext {
    let context = CallContext(
      method: MethodDescriptor(service: "s", method: "m", kind: .unary),
      metadata: [:],
      peer: Peer(address: "test"),
      deadline: nil,
      time: TimeSource { MonotonicInstant(nanoseconds: 0) }
    )
    context.beginCompression(accepted: accepted, responses: `default`)
    return context
  }

  @Test func theDefaultHoldsIfTheClientReadsIt() {
    #expect(self.context(accepted: [.gzip], default: .gzip).responseCompression == .gzip)
    #expect(self.context(accepted: [.deflate], default: .gzip).responseCompression == .identity)
  }

  @Test func aHandlerChoosesUntilTheChoiceIsSettled() {
    let context = self.context(accepted: .all, default: .gzip)
    #expect(context.acceptedCompression == .all)
    context.compressResponses(with: .deflate)
    #expect(context.settleCompression() == (.deflate, true))
    context.compressResponses(with: .gzip)
    #expect(context.responseCompression == .deflate)
    #expect(context.settleCompression() == (.deflate, true))
  }

  @Test func aChoiceThatTheClientDoesNotReadIsNone() {
    let context = self.context(accepted: [.gzip], default: .gzip)
    context.compressResponses(with: .deflate)
    #expect(context.responseCompression == .identity)
  }

  @Test func aContextThatInterceptorsHaveChangedIsThatOfTheSameCall() {
    let context = self.context(accepted: .all, default: .identity)
    context.noteRequest(compression: .gzip)
    let derived = CallContext(context, metadata: ["k": "v"], deadline: nil)
    #expect(derived.requestCompression == .gzip)
    derived.compressResponses(with: .gzip)
    #expect(context.settleCompression() == (.gzip, true))
  }

  // MARK: - Attempts

  @Test func aMessageIsCompressedOnceForAllAttempts() {
    let kept = KeptCompression()
    let count = Mutex(0)
    for _ in 0..<3 {
      let compressed = kept.compressed(self.message) { _ in
        count.withLock { $0 += 1 }
        return ByteBuffer(string: "small")
      }
      #expect(compressed == ByteBuffer(string: "small"))
    }
    #expect(count.withLock { $0 } == 1)
  }

  @Test func whatAnAttemptHasChangedIsCompressedAnew() {
    let kept = KeptCompression()
    for text in ["one", "two", "two"] {
      #expect(kept.compressed(ByteBuffer(string: text)) { $0 } == ByteBuffer(string: text))
    }
  }

  @Test func aMessageThatDoesNotBecomeSmallerIsTriedOnce() {
    let kept = KeptCompression()
    #expect(kept.compressed(self.message) { _ in nil } == nil)
    #expect(kept.compressed(self.message) { $0 } == nil)
  }
}
