import DequeModule

/// Calls that wait, in order. One that ends while it waits keeps its slot until it comes up, or until such calls are
/// most of the queue.
struct WaitingCalls {
  private var calls = Deque<ClientCall>()

  /// How many calls wait.
  private(set) var count = 0

  mutating func append(_ call: ClientCall) {
    self.calls.append(call)
    self.count += 1
  }

  /// Puts back the call that was taken last.
  mutating func prepend(_ call: ClientCall) {
    self.calls.prepend(call)
    self.count += 1
  }

  mutating func popFirst() -> ClientCall? {
    while let call = self.calls.popFirst() {
      guard call.isWaiting else { continue }
      self.count -= 1
      return call
    }
    return nil
  }

  /// A call that waited here waits no more.
  mutating func left() {
    self.count -= 1
    guard self.calls.count > 64, self.calls.count > 2 * self.count else { return }
    self.calls.removeAll { !$0.isWaiting }
  }
}

extension ClientCall {
  fileprivate var isWaiting: Bool {
    if case .waiting = self.state { true } else { false }
  }
}
