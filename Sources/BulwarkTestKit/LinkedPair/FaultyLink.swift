import BulwarkCore
import DequeModule
import struct NIOCore.ByteBuffer

/// One direction of a connection in virtual time: bytes go in, and come out later, in pieces.
struct FaultyLink {
  enum Arrival {
    case bytes(ByteBuffer)
    /// The sender has closed its side.
    case end
    /// The connection breaks here.
    case cut
  }

  var conditions: LinkConditions
  private var generator: SeededGenerator
  private var queue = Deque<(instant: MonotonicInstant, arrival: Arrival)>()
  private var bytesInFlight = 0
  private var lastArrival = MonotonicInstant(nanoseconds: .min)
  private var stalledUntil = MonotonicInstant(nanoseconds: .min)
  private var isEnded = false

  init(_ conditions: LinkConditions, _ generator: SeededGenerator) {
    self.conditions = conditions
    self.generator = generator
  }

  /// How many bytes the sender may put in.
  var room: Int { self.isEnded ? 0 : max(0, self.conditions.capacity - self.bytesInFlight) }

  /// When the next piece arrives; nil if nothing is on its way.
  var nextArrival: MonotonicInstant? {
    self.queue.first.map { max($0.instant, self.stalledUntil) }
  }

  mutating func send(_ bytes: ByteBuffer, now: MonotonicInstant) {
    guard !self.isEnded else { return }
    var rest = bytes
    while rest.readableBytes > 0 {
      let size = Int.random(in: self.conditions.pieces, using: &self.generator)
      guard let piece = rest.readSlice(length: min(max(size, 1), rest.readableBytes)) else { return }
      self.bytesInFlight += piece.readableBytes
      self.queue.append((self.arrival(of: piece.readableBytes, now: now), .bytes(piece)))
    }
  }

  /// Nothing comes after what is on its way but this.
  mutating func end(with arrival: Arrival, now: MonotonicInstant) {
    guard !self.isEnded else { return }
    self.isEnded = true
    self.queue.append((self.arrival(of: 0, now: now), arrival))
  }

  /// The connection is gone, with all that was on its way.
  mutating func drop() {
    self.isEnded = true
    self.queue.removeAll()
    self.bytesInFlight = 0
  }

  /// Lets nothing arrive before the instant.
  mutating func stall(until instant: MonotonicInstant) {
    self.stalledUntil = max(self.stalledUntil, instant)
  }

  mutating func next(now: MonotonicInstant) -> Arrival? {
    guard let due = self.nextArrival, due <= now, let first = self.queue.popFirst() else { return nil }
    if case .bytes(let piece) = first.arrival {
      self.bytesInFlight -= piece.readableBytes
    }
    return first.arrival
  }

  private mutating func arrival(of count: Int, now: MonotonicInstant) -> MonotonicInstant {
    var instant = now.advanced(by: self.conditions.latency)
    if self.conditions.jitter > .zero {
      let jitter = Int64.random(in: 0...self.conditions.jitter.saturatedNanoseconds, using: &self.generator)
      instant = instant.advanced(by: .nanoseconds(jitter))
    }
    instant = max(instant, self.lastArrival)
    if let rate = self.conditions.bytesPerSecond, rate > 0 {
      // The line is busy until this piece is through.
      instant = instant.advanced(by: .seconds(1) * Double(count) / Double(rate))
    }
    self.lastArrival = instant
    return instant
  }
}
