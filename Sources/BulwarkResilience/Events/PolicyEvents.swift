import Synchronization

/// The events of one policy, or of all policies of a manager. Safe to use from any thread.
///
/// Costs a policy one relaxed load while nobody listens.
public final class PolicyEvents: Sendable {
  private struct Listeners {
    var streams: [(id: UInt64, source: PolicyEventStream.Source)] = []
    var observers: [(id: UInt64, observer: any PolicyObserver)] = []
    var nextID: UInt64 = 0
  }

  private let listeners = Mutex(Listeners())
  private let isHeard = Atomic(false)
  private let heardChanged: (@Sendable (PolicyEvents) -> Void)?

  /// Whether anybody listens.
  var hasListeners: Bool { self.isHeard.load(ordering: .acquiring) }

  /// - Parameter heardChanged: Called when the first listener has come, and when the last one has gone. Calls of two
  ///   changes may overtake each other: ask ``hasListeners`` for what is.
  init(heardChanged: (@Sendable (PolicyEvents) -> Void)? = nil) {
    self.heardChanged = heardChanged
  }

  deinit {
    for stream in self.listeners.withLock({ $0.streams }) { stream.source.finish() }
  }

  /// A stream of the events from now on, which ends when the policy is gone.
  ///
  /// - Parameter limit: How many events wait for a reader who is slow, at least 1; beyond it the oldest is dropped,
  ///   and counted.
  public func stream(bufferingNewest limit: Int = 256) -> PolicyEventStream {
    let (stream, source) = PolicyEventStream.make(limit: max(limit, 1))
    let id = self.change { listeners in
      listeners.nextID &+= 1
      listeners.streams.append((listeners.nextID, source))
      return listeners.nextID
    }
    source.onTermination { [weak self] in
      self?.change { listeners in listeners.streams.removeAll { $0.id == id } }
    }
    return stream
  }

  /// Has the observer hear of each event from now on.
  ///
  /// - Returns: What ``removeObserver(_:)`` takes.
  @discardableResult
  public func addObserver(_ observer: some PolicyObserver) -> ObserverID {
    self.change { listeners in
      listeners.nextID &+= 1
      listeners.observers.append((listeners.nextID, observer))
      return ObserverID(value: listeners.nextID)
    }
  }

  /// Lets the observer go. An event that is being told at this moment may still reach it.
  public func removeObserver(_ id: ObserverID) {
    self.change { listeners in listeners.observers.removeAll { $0.id == id.value } }
  }

  /// Names an observer to the ``PolicyEvents`` that it was added to.
  public struct ObserverID: Hashable, Sendable {
    let value: UInt64
  }

  /// Tells all who listen. `event` is made only if somebody does.
  func emit(_ event: @autoclosure () -> PolicyEvent) {
    guard self.isHeard.load(ordering: .relaxed) else { return }
    self.tell(event())
  }

  // Out of line: `emit` stands on the path of every refusal.
  @inline(never)
  private func tell(_ event: PolicyEvent) {
    let (streams, observers) = self.listeners.withLock { ($0.streams, $0.observers) }
    for stream in streams { stream.source.send(event) }
    for observer in observers { observer.observer.observe(event) }
  }

  @discardableResult
  private func change<Result: Sendable>(_ body: (inout Listeners) -> Result) -> Result {
    let (result, hasChanged) = self.listeners.withLock { listeners in
      let result = body(&listeners)
      let isHeard = !(listeners.streams.isEmpty && listeners.observers.isEmpty)
      let wasHeard = self.isHeard.exchange(isHeard, ordering: .acquiringAndReleasing)
      return (result, isHeard != wasHeard)
    }
    if hasChanged { self.heardChanged?(self) }
    return result
  }
}
