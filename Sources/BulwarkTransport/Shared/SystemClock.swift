import BulwarkCore
import NIOCore

extension TimeSource {
  /// The monotonic clock that the event loops use.
  static let system = TimeSource { .now() }
}

extension MonotonicInstant {
  /// The time now, on the monotonic clock that the event loops use.
  static func now() -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
  }
}

extension NIODeadline {
  init(_ instant: MonotonicInstant) {
    self = .uptimeNanoseconds(UInt64(clamping: instant.nanoseconds))
  }
}
