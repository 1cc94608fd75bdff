import BulwarkCore
import NIOCore

extension NIODeadline {
  init(_ instant: MonotonicInstant) {
    self = .uptimeNanoseconds(UInt64(clamping: instant.nanoseconds))
  }
}
