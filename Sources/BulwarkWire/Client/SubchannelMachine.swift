package import BulwarkCore

/// When the connection to one endpoint is made, and what its state is.
///
///      ┌── lost after a while, going away after an answer, too ──┐
///      ▼                                                         │
///     idle ──connect──▶ connecting ──────── SETTINGS ─────────▶ ready
///      ▲                    │                                    │
///      │ time, or reset     │ failure                            │
///      └──── backingOff ◀───┴────────── lost too soon ───────────┘
///
/// `closed` is reached from every state and final. Who leaves `idle`, and when, is the load balancing policy's matter.
/// The backoff is gRPC's (https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md), counted from the start of
/// an attempt; its jitter comes in as an argument.
package struct SubchannelMachine: Equatable, Sendable {
  private enum State: Equatable {
    case idle
    case connecting(since: MonotonicInstant)
    case ready(since: MonotonicInstant)
    case backingOff
    case closed
  }

  /// What comes after an attempt that failed, or a connection that is gone.
  package enum OnFailure: Equatable {
    /// The state is transient failure until this instant.
    case backOff(until: MonotonicInstant)
    /// The state is idle.
    case rest
    case doNothing
  }

  private let backoff: ConnectionBackoff
  private var state = State.idle
  /// Attempts that failed, and connections that did not live, since one last lived.
  private var failures = 0
  /// Why there is no connection; nil while there is one, and before the first failure.
  package private(set) var lastError: RPCError?

  package init(backoff: ConnectionBackoff) {
    self.backoff = backoff
  }

  package var connectivity: ConnectivityState {
    switch self.state {
    case .idle: .idle
    case .connecting: .connecting
    case .ready: .ready
    case .backingOff: .transientFailure
    case .closed: .shutdown
    }
  }

  /// A connection is wanted: true if the caller is to make it now.
  package mutating func connect(now: MonotonicInstant) -> Bool {
    guard case .idle = self.state else { return false }
    self.state = .connecting(since: now)
    return true
  }

  /// The server's SETTINGS have come; perhaps on a further connection, after the first one was lost.
  package mutating func connected(now: MonotonicInstant) {
    switch self.state {
    case .idle, .connecting, .backingOff:
      self.state = .ready(since: now)
      self.lastError = nil
    case .ready, .closed:
      break
    }
  }

  /// An attempt to connect failed.
  ///
  /// - Parameter jitter: a random number from -1 to 1.
  package mutating func connectFailed(_ reason: String, now: MonotonicInstant, jitter: Double) -> OnFailure {
    guard case .connecting(let since) = self.state else { return .doNothing }
    return self.backOff(reason, since: since, now: now, jitter: jitter)
  }

  /// The connection that was ready is gone.
  package mutating func connectionLost(_ reason: String, now: MonotonicInstant, jitter: Double) -> OnFailure {
    guard case .ready(let since) = self.state else { return .doNothing }
    // A server that accepts and hangs up must not be hammered: only a connection that lived counts as a success.
    guard self.hasLived(since, now) else {
      return self.backOff(reason, since: since, now: now, jitter: jitter)
    }
    return self.rest(failures: 0)
  }

  /// The server takes no new calls on the connection that was ready: an orderly stop, and no failure, unless it
  /// does the same to the next connection at once.
  ///
  /// - Parameter hasAnswered: whether a call was answered on the connection. Then it has done what it was made for, however
  ///   short its life was: a proxy may allow so few calls a connection that one lasts milliseconds under load.
  package mutating func goingAway(
    _ reason: String,
    hasAnswered: Bool,
    now: MonotonicInstant,
    jitter: Double
  ) -> OnFailure {
    guard case .ready(let since) = self.state else { return .doNothing }
    if hasAnswered || self.hasLived(since, now) { return self.rest(failures: 0) }
    guard self.failures > 0 else { return self.rest(failures: 1) }
    return self.backOff(reason, since: since, now: now, jitter: jitter)
  }

  /// The delay after a failure has passed: true if the state is idle now.
  package mutating func backoffElapsed() -> Bool {
    guard case .backingOff = self.state else { return false }
    self.state = .idle
    return true
  }

  /// Whoever knows that the network has changed forgets the failures: true if the state is idle now.
  package mutating func resetBackoff() -> Bool {
    self.failures = 0
    return self.backoffElapsed()
  }

  /// The connection, or the attempt to make it, is not wanted any more: true if there was one.
  package mutating func disconnect() -> Bool {
    switch self.state {
    case .connecting, .ready:
      self.state = .idle
      return true
    case .idle, .backingOff, .closed:
      return false
    }
  }

  /// The endpoint is not wanted any more.
  package mutating func close() {
    self.state = .closed
  }

  private func hasLived(_ since: MonotonicInstant, _ now: MonotonicInstant) -> Bool {
    since.duration(to: now) >= self.backoff.initial
  }

  private mutating func rest(failures: Int) -> OnFailure {
    self.failures = failures
    self.state = .idle
    return .rest
  }

  private mutating func backOff(
    _ reason: String,
    since: MonotonicInstant,
    now: MonotonicInstant,
    jitter: Double
  ) -> OnFailure {
    self.lastError = RPCError(code: .unavailable, message: "not connected: \(reason)", origin: .transport)
    self.state = .backingOff
    let delay = self.backoff.delay(afterFailures: self.failures, jitter: jitter)
    self.failures += 1
    return .backOff(until: max(now, since.advanced(by: delay)))
  }
}

extension RPCError {
  package static let clientClosed = RPCError(code: .unavailable, message: "the client is closed")
}
