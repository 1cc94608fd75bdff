public import BulwarkResilience
import Synchronization

/// Where a program says how its services are, for a ``HealthService`` to tell.
///
///     let health = HealthReporter()
///     health.follow(manager)
///     health.set(.notServing, for: "consensus.v1.ConsensusService")
///
/// The empty name stands for the server as a whole. It, and each service of a server with a ``HealthService`` of this
/// reporter, is ``HealthStatus/serving`` from the start; other services are unknown until they are set. Safe to use from
/// any thread.
public final class HealthReporter: Sendable {
  private struct State {
    var table = HealthTable()
    var watchers: [UInt64: AsyncStream<Void>.Continuation] = [:]
    var followers: [ReadinessFollower] = []
    var nextID: UInt64 = 0

    mutating func makeID() -> UInt64 {
      self.nextID += 1
      return self.nextID
    }
  }

  private let state = Mutex(State())

  /// Creates a reporter by which the server is serving.
  public init() {}

  /// Sets the status of a service, by its full name, or of the server as a whole.
  public func set(_ status: HealthStatus, for service: String = "") {
    self.change { $0.set(status, for: service) }
  }

  /// Makes a service unknown.
  public func remove(_ service: String) {
    self.change { $0.remove(service) }
  }

  /// What clients are told of a service now; nil if it is unknown.
  public func status(of service: String = "") -> HealthStatus? {
    self.state.withLock { $0.table.status(of: service) }
  }

  /// Ties the health of all services to a manager's circuits: none is serving while more of them are open than may be.
  ///
  /// Nothing is polled. Readiness is asked for when a circuit changes its state, on the thread that changed it, and when
  /// a break is over by the manager's clock; a circuit that is registered or removed while it is open counts from the
  /// next such moment on. The reporter keeps the manager. Several managers may be followed; all have to be ready.
  ///
  /// - Parameter maximumOpenCircuits: As ``ResilienceManager/readiness(maximumOpenCircuits:)`` takes it.
  public func follow(_ manager: ResilienceManager, maximumOpenCircuits: Int = 3) {
    let id = self.state.withLock { $0.makeID() }
    let follower = ReadinessFollower(manager, maximumOpenCircuits: maximumOpenCircuits) {
      [weak self] isReady in
      self?.change { $0.setReady(isReady, id) }
    }
    self.state.withLock { $0.followers.append(follower) }
    follower.start()
  }

  /// From now on no service is serving, whatever is set: the server is about to stop.
  ///
  /// Those who watch are told, and their calls end then with UNAVAILABLE, so that the server need not wait for them.
  /// A ``HealthService`` calls it when its server begins to drain.
  public func drain() {
    self.change { $0.drain() }
  }

  // MARK: - For the service

  /// A server has these services.
  func introduce(_ services: Set<String>) {
    self.change { $0.introduce(services) }
  }

  /// What clients are told of each service now.
  var all: [String: HealthStatus] { self.state.withLock { $0.table.all } }

  /// What to tell of a service, and whether that is the last word.
  func lastWord(on service: String) -> (status: HealthStatus?, isFinal: Bool) {
    self.state.withLock { ($0.table.status(of: service), $0.table.isDraining) }
  }

  /// Gets an element whenever a status may be another, and one at once; of several that nobody has taken yet, one is
  /// kept. To be given back with ``removeWatcher(_:)``.
  func addWatcher() -> (id: UInt64, changes: AsyncStream<Void>) {
    let (changes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let id = self.state.withLock { state in
      let id = state.makeID()
      state.watchers[id] = continuation
      return id
    }
    continuation.yield()
    return (id, changes)
  }

  func removeWatcher(_ id: UInt64) {
    self.state.withLock { $0.watchers[id] = nil }
  }

  /// How many calls of Watch are open.
  var watcherCount: Int { self.state.withLock { $0.watchers.count } }

  private func change(_ body: (inout HealthTable) -> Void) {
    let watchers = self.state.withLock { state in
      body(&state.table)
      return Array(state.watchers.values)
    }
    for watcher in watchers { watcher.yield() }
  }
}
