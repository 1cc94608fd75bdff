package import BulwarkCore

/// When a client connects, and what becomes of calls meanwhile.
///
///     idle ──call──▶ connecting ──SETTINGS──▶ ready
///      ▲                 ▲  │                   │
///      │             time│  │failure            │ lost: connect again, at once if it lived long enough
///      │                 │  ▼                   │
///      └───close──── backingOff ◀───────────────┘ lost too soon
///
/// `closed` is reached from every state and final. The backoff is gRPC's
/// (https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md); its jitter comes in as an argument.
package struct ChannelMachine: Equatable, Sendable {
  private enum State: Equatable {
    case idle
    case connecting
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
    /// Connect again after this delay; fail the calls that do not wait for a connection.
    case backOff(Duration, failing: RPCError)
    /// Connect again now.
    case connect
    case doNothing
  }

  private let backoff: ConnectionBackoff
  private var state = State.idle
  private var failures = 0

  package init(backoff: ConnectionBackoff) {
    self.backoff = backoff
  }

  package mutating func call(waitForReady: Bool) -> OnCall {
    switch self.state {
    case .idle:
      self.state = .connecting
      return .connect
    case .connecting:
      return .wait
    case .ready:
      return .send
    case .backingOff(let error):
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
  package mutating func connectFailed(_ reason: String, jitter: Double) -> OnFailure {
    guard case .connecting = self.state else { return .doNothing }
    return self.backOff(reason, jitter: jitter)
  }

  /// A connection that was ready takes no more calls: it was lost, or the server is going away.
  package mutating func connectionEnded(_ reason: String, now: MonotonicInstant, jitter: Double) -> OnFailure
  {
    guard case .ready(let since) = self.state else { return .doNothing }
    // A server that accepts and hangs up must not be hammered: only a connection that lived counts as a success.
    guard since.duration(to: now) >= self.backoff.initial else { return self.backOff(reason, jitter: jitter) }
    self.failures = 0
    self.state = .connecting
    return .connect
  }

  /// The delay after a failure has passed: true if the caller is to connect now.
  package mutating func backoffElapsed() -> Bool {
    guard case .backingOff = self.state else { return false }
    self.state = .connecting
    return true
  }

  /// The client takes no more calls.
  package mutating func close() {
    self.state = .closed
  }

  package var isClosed: Bool { self.state == .closed }

  private mutating func backOff(_ reason: String, jitter: Double) -> OnFailure {
    let error = RPCError(code: .unavailable, message: "not connected: \(reason)", origin: .transport)
    self.state = .backingOff(error)
    let delay = self.backoff.delay(afterFailures: self.failures, jitter: jitter)
    self.failures += 1
    return .backOff(delay, failing: error)
  }
}

/// The delays between attempts to connect: exponential, with a maximum and jitter.
public struct ConnectionBackoff: Hashable, Sendable {
  /// The delay after the first failure. Default 1 s.
  public var initial: Duration = .seconds(1)
  /// What each further failure multiplies it with. Default 1.6.
  public var multiplier: Double = 1.6
  /// The longest delay, before jitter. Default 120 s.
  public var maximum: Duration = .seconds(120)
  /// The share by which a delay is made longer or shorter at random. Default 0.2.
  public var jitter: Double = 0.2

  /// gRPC's defaults.
  public init() {}

  func delay(afterFailures failures: Int, jitter: Double) -> Duration {
    var delay = self.initial
    for _ in 0..<failures where delay < self.maximum {
      delay = delay * self.multiplier
    }
    return min(delay, self.maximum) * (1 + self.jitter * min(max(jitter, -1), 1))
  }
}

extension RPCError {
  package static let clientClosed = RPCError(code: .unavailable, message: "the client is closed")
}
