import Synchronization

/// The events of one policy, or of all policies of a manager. Safe to use from any thread.
///
/// Costs a policy one relaxed load while nobody listens.
public final class PolicyEvents: Sendable {
  private struct Listeners {
    var streams: [UInt64: PolicyEventStream.Source] = [:]
    var observers: [UInt64: any PolicyObserver] = [:]
    var nextID: UInt64 = 0
  }

  private let listeners = Mutex(Listeners())
  private let isHeard = Atomic(false)

  init() {}

  /// A stream of the events from now on.
  ///
  /// - Parameter limit: How many events wait for a reader who is slow, at least 1; beyond it the oldest is dropped,
  ///   and counted.
  public func stream(bufferingNewest limit: Int = 256) -> PolicyEventStream {
    let (stream, source) = PolicyEventStream.make(limit: max(limit, 1))
    let id = self.change { listeners in
      listeners.nextID &+= 1
      listeners.streams[listeners.nextID] = source
      return listeners.nextID
    }
    source.onTermination { [weak self] in
      self?.change { $0.streams[id] = nil }
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
      listeners.observers[listeners.nextID] = observer
      return ObserverID(value: listeners.nextID)
    }
  }

  /// Lets the observer go. An event that is being told at this moment may still reach it.
  public func removeObserver(_ id: ObserverID) {
    self.change { $0.observers[id.value] = nil }
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
    let (sources, observers) = self.listeners.withLock {
      (Array($0.streams.values), Array($0.observers.values))
    }
    for source in sources { source.send(event) }
    for observer in observers { observer.observe(event) }
  }

  @discardableResult
  private func change<Result>(_ body: (inout sending Listeners) -> sending Result) -> Result {
    self.listeners.withLock { listeners in
      let result = body(&listeners)
      self.isHeard.store(!(listeners.streams.isEmpty && listeners.observers.isEmpty), ordering: .relaxed)
      return result
    }
  }
}
