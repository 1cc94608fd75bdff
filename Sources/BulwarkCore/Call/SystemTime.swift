#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

extension MonotonicInstant {
  /// The time now, on the system's monotonic clock (`CLOCK_MONOTONIC`; `CLOCK_UPTIME_RAW` on Darwin): the one that event
  /// loops go by.
  package static func now() -> MonotonicInstant {
    #if canImport(Darwin)
    MonotonicInstant(nanoseconds: Int64(clamping: clock_gettime_nsec_np(CLOCK_UPTIME_RAW)))
    #else
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    #endif
  }
}

extension TimeSource {
  /// The system's monotonic clock, which clients and servers go by.
  public static let system = TimeSource { .now() }
}

extension Duration {
  /// The time since the Unix epoch, on the system's wall clock (`CLOCK_REALTIME`), which can be set back and forth.
  package static func sinceUnixEpoch() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
  }
}
