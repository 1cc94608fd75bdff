import BulwarkCore

/// How large flow-control windows have to be for a connection to be used to the full: bandwidth times delay, measured as
/// grpc-go does. A PING goes out when data come, and what comes until it is back is what was on its way at once. As
/// long as that nearly fills the window, and was never faster, the window is what holds the peer up: it is doubled.
///
///     resting ──data──▶ measuring ──PING back──▶ resting ──▶ … ──limit reached──▶ done
///
/// Each measurement is a PING that a peer may hold against us, unless DATA of its own came before it: so it begins with
/// data, and no more than ten are made in a second.
struct BandwidthMachine: Equatable {
  private enum State: Equatable {
    case resting(until: MonotonicInstant)
    case measuring(since: MonotonicInstant, bytes: Int)
    case done
  }

  enum OnData: Equatable {
    case doNothing
    /// Send a PING with this payload.
    case ping(UInt64)
  }

  enum OnPing: Equatable {
    case doNothing
    /// Make windows so many bytes large: each stream's, and the connection's if it is smaller.
    case grow(to: Int)
  }

  /// So that the acknowledgement is not taken for another PING's.
  static let payload: UInt64 = 0x6275_6C77_6261_6E64

  private static let spacing: Int64 = 100_000_000

  private let limit: Int
  private var window: Int
  private var state: State
  /// The highest rate so far, in bytes per nanosecond.
  private var peak = 0.0
  /// The moving average of the round-trip time in nanoseconds, and how many measurements it is made of.
  private var roundTrip = 0.0
  private var count = 0.0

  /// - Parameters:
  ///   - window: how large a stream's window is, in bytes.
  ///   - limit: how large it may become; nil for no larger.
  init(window: Int, limit: Int?, now: MonotonicInstant) {
    self.window = window
    self.limit = min(limit ?? 0, Int(Int32.max))
    self.state = window < self.limit ? .resting(until: now) : .done
  }

  /// Whether data need not be reported any more.
  var isDone: Bool { self.state == .done }

  /// Payload of DATA has come.
  mutating func received(_ bytes: Int, now: MonotonicInstant) -> OnData {
    switch self.state {
    case .resting(let until) where until <= now:
      self.state = .measuring(since: now, bytes: bytes)
      return .ping(Self.payload)
    case .measuring(let since, let sum):
      self.state = .measuring(since: since, bytes: sum &+ bytes)
      return .doNothing
    case .resting, .done:
      return .doNothing
    }
  }

  /// A PING has come back.
  mutating func pingAcknowledged(_ payload: UInt64, now: MonotonicInstant) -> OnPing {
    guard payload == Self.payload, case .measuring(let since, let bytes) = self.state else {
      return .doNothing
    }
    self.state = .resting(until: since.advanced(byNanoseconds: Self.spacing))
    let sample = Double(max(since.duration(to: now).saturatedNanoseconds, 1))
    self.count += 1
    self.roundTrip += (sample - self.roundTrip) * (self.count < 10 ? 1 / self.count : 0.9)
    // The PING spends time in queues that the data do not see: half as much again, as grpc-go has it.
    let rate = Double(bytes) / (self.roundTrip * 1.5)
    guard rate >= self.peak else { return .doNothing }
    self.peak = rate
    guard bytes >= self.window / 3 * 2 else { return .doNothing }
    self.window = min(max(min(bytes, self.limit), self.window) * 2, self.limit)
    if self.window == self.limit { self.state = .done }
    return .grow(to: self.window)
  }
}
