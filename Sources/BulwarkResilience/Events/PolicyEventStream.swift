import Synchronization

/// The events of a policy or a manager, in the order in which they were told, for one reader.
public struct PolicyEventStream: AsyncSequence, Sendable {
  public typealias Element = PolicyEvent
  public typealias Failure = Never

  private let base: AsyncStream<PolicyEvent>
  private let source: Source

  /// How many events were dropped so far because the reader was slow.
  public var droppedCount: Int { self.source.dropped.load(ordering: .relaxed) }

  public func makeAsyncIterator() -> Iterator {
    Iterator(base: self.base.makeAsyncIterator())
  }

  /// Reads the stream.
  public struct Iterator: AsyncIteratorProtocol {
    var base: AsyncStream<PolicyEvent>.AsyncIterator

    /// The next event; `nil` once the task is cancelled, or the policy is gone.
    public mutating func next(isolation actor: isolated (any Actor)?) async -> PolicyEvent? {
      await self.base.next(isolation: actor)
    }
  }

  /// The end that events go in at.
  final class Source: Sendable {
    let dropped = Atomic(0)
    private let continuation: AsyncStream<PolicyEvent>.Continuation

    init(_ continuation: AsyncStream<PolicyEvent>.Continuation) {
      self.continuation = continuation
    }

    func send(_ event: PolicyEvent) {
      if case .dropped = self.continuation.yield(event) {
        self.dropped.wrappingAdd(1, ordering: .relaxed)
      }
    }

    func finish() {
      self.continuation.finish()
    }

    func onTermination(_ body: @escaping @Sendable () -> Void) {
      self.continuation.onTermination = { _ in body() }
    }
  }

  static func make(limit: Int) -> (PolicyEventStream, Source) {
    let (base, continuation) = AsyncStream.makeStream(
      of: PolicyEvent.self,
      bufferingPolicy: .bufferingNewest(limit)
    )
    let source = Source(continuation)
    return (PolicyEventStream(base: base, source: source), source)
  }
}
