import BulwarkCore
import Testing

@Suite struct CallContextTests {
  private func context(deadline: MonotonicInstant?) -> CallContext {
    CallContext(
      method: MethodDescriptor(service: "a", method: "b", kind: .unary),
      metadata: [:],
      peer: Peer(address: "test"),
      deadline: deadline,
      time: TimeSource { MonotonicInstant(nanoseconds: 0) }
    )
  }

  @Test func theTimeThatIsLeftIsNeverBelowZero() {
    #expect(self.context(deadline: nil).timeRemaining == nil)
    #expect(self.context(deadline: MonotonicInstant(nanoseconds: 7)).timeRemaining == .nanoseconds(7))
    #expect(self.context(deadline: MonotonicInstant(nanoseconds: -7)).timeRemaining == .zero)
  }

  @Test func metadataForTheResponseIsKeptInOrder() {
    let context = self.context(deadline: nil)
    context.addInitialMetadata("1", for: "a")
    context.addInitialMetadata(binary: [1], for: "a")
    context.addTrailingMetadata("2", for: "b")
    context.addTrailingMetadata(binary: [2], for: "b")
    #expect(context.initialMetadata.map(\.name) == ["a", "a-bin"])
    #expect(context.trailingMetadata.map(\.name) == ["b", "b-bin"])
  }

  @Test func theContextOfAHandlerIsFoundByWhatItCalls() async {
    #expect(CallContext.current == nil)
    let context = self.context(deadline: nil)
    await CallContext.$current.withValue(context) {
      #expect(CallContext.current === context)
      await Task { #expect(CallContext.current === context) }.value
    }
    #expect(CallContext.current == nil)
  }
}
