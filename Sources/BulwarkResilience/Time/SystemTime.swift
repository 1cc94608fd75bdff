#if canImport(Darwin)
import Darwin

/// Nanoseconds of the system's monotonic clock, about 25 ns a call.
@usableFromInline
func systemNanoseconds() -> Int64 {
  Int64(clamping: clock_gettime_nsec_np(CLOCK_UPTIME_RAW))
}
#else
#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Nanoseconds of the system's monotonic clock, about 25 ns a call: the kernel answers it without a system call.
@usableFromInline
func systemNanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}
#endif
