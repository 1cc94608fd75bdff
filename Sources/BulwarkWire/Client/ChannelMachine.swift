package import BulwarkCore

/// When a client connects, and what becomes of calls meanwhile.
///
///     idle ──call──▶ connecting ──SETTINGS──▶ ready
///                      ▲     │                 │
///                  time│     │failure          │ going away, or lost after a while: connect again at once
///                      │     ▼                 │
///                    backingOff ◀──────────────┘ lost too soon
///
/// `closed` is reached from every state and final. Once an attempt has failed, calls that do not wait for a
/// connection fail until one is ready (gRPC's TRANSIENT_FAILURE, which stays while it connects again). The backoff
/// is gRPC's (https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md), counted from the start of an
/// attempt; its jitter comes in as an argument.
package struct ChannelMachine: Equatable, Sendable {
  private enum State: Equatable {
    case idle
    case connecting(since: MonotonicInstant, lastError: RPCError?)
    case ready(since: MonotonicInstant)
    case backingOff(RPCError)
    case closed
  }

  package enum OnCall: Equatable {
    /// Send it now, if the connection has room; else keep it.
    case send
    /// Keep it, and connect.
    case connect
    /// Keep it.
    case wait
    case fail(RPCError)
  }

  package enum OnFailure: Equatable {
    /// Connect again at this instant; fail the calls that do not wait for a connection.
    case backOff(until: MonotonicInstant, failing: RPCError)
    /// Connect again now.
    case connect
    case doNothing
  }

  private let backoff: ConnectionBackoff
  private var state = State.idle
  /// Attempts that failed, and connections that did not live, since one last lived.
  private var failures = 0

  package init(backoff: ConnectionBackoff) {
    self.backoff = backoff
  }

  package mutating func call(waitForReady: Bool, now: MonotonicInstant) -> OnCall {
    switch self.state {
    case .idle:
      self.state = .connecting(since: now, lastError: nil)
      return .connect
    case .connecting(_, lastError: nil):
      return .wait
    case .ready:
      return .send
    case .connecting(_, lastError: let error?), .backingOff(let error):
      return waitForReady ? .wait : .fail(error)
    case .closed:
      return .fail(.clientClosed)
    }
  }

  /// The server's SETTINGS have come.
  package mutating func connected(now: MonotonicInstant) {
    guard case .connecting = self.state else { return }
    self.state = .ready(since: now)
  }

  /// An attempt to connect failed.
  ///
  /// - Parameter jitter: a random number from -1 to 1.
  package mutating func connectFailed(_ reason: String, now: MonotonicInstant, jitter: Double) -> OnFailure {
    guard case .connecting(let since, _) = self.state else { return .doNothing }
    return self.backOff(reason, since: since, now: now, jitter: jitter)
  }

  /// The connection that was ready is gone.
  package mutating func connectionLost(_ reason: String, now: MonotonicInstant, jitter: Double) -> OnFailure {
    guard case .ready(let since) = self.state else { return .doNothing }
    // A server that accepts and hangs up must not be hammered: only a connection that lived counts as a success.
    guard self.hasLived(since, now) else {
      return self.backOff(reason, since: since, now: now, jitter: jitter)
    }
    return self.reconnect(now: now, failures: 0)
  }

  /// The server takes no new calls on the connection that was ready: an orderly stop, and no failure, unless it
  /// does the same to the next connection at once.
  package mutating func goingAway(_ reason: String, now: MonotonicInstant, jitter: Double) -> OnFailure {
    guard case .ready(let since) = self.state else { return .doNothing }
    if self.hasLived(since, now) { return self.reconnect(now: now, failures: 0) }
    guard self.failures > 0 else { return self.reconnect(now: now, failures: 1) }
    return self.backOff(reason, since: since, now: now, jitter: jitter)
  }

  /// The delay after a failure has passed: true if the caller is to connect now.
  package mutating func backoffElapsed(now: MonotonicInstant) -> Bool {
    guard case .backingOff(let error) = self.state else { return false }
    self.state = .connecting(since: now, lastError: error)
    return true
  }

  /// There have been no calls for long: true if the caller is to give up its connection, or its wait for one.
  ///
  /// An attempt to connect that is under way goes on.
  package mutating func goIdle() -> Bool {
    switch self.state {
    case .ready, .backingOff:
      self.failures = 0
      self.state = .idle
      return true
    case .idle, .connecting, .closed:
      return false
    }
  }

  /// The client takes no more calls.
  package mutating func close() {
    self.state = .closed
  }

  package var isClosed: Bool { self.state == .closed }

  private func hasLived(_ since: MonotonicInstant, _ now: MonotonicInstant) -> Bool {
    since.duration(to: now) >= self.backoff.initial
  }

  private mutating func reconnect(now: MonotonicInstant, failures: Int) -> OnFailure {
    self.failures = failures
    self.state = .connecting(since: now, lastError: nil)
    return .connect
  }

  private mutating func backOff(
    _ reason: String,
    since: MonotonicInstant,
    now: MonotonicInstant,
    jitter: Double
  ) -> OnFailure {
    let error = RPCError(code: .unavailable, message: "not connected: \(reason)", origin: .transport)
    self.state = .backingOff(error)
    let delay = self.backoff.delay(afterFailures: self.failures, jitter: jitter)
    self.failures += 1
    return .backOff(until: max(now, since.advanced(by: delay)), failing: error)
  }
}

extension RPCError {
  package static let clientClosed = RPCError(code: .unavailable, message: "the client is closed")
}
