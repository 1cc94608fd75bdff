#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Which of a policy's stripes a thread uses: threads that count in different cache lines do not slow each other down
/// (the idea of `LongAdder`; Dice, Lev, Moir, "Scalable statistics counters", 2013).
enum Stripe {
  /// How many stripes a policy has, a power of two.
  static let count = 4

  /// The stripe of this thread. Threads that were started one after the other get neighbouring stripes, since their
  /// stacks lie beside each other; two that share one are slower, not wrong.
  @inline(__always)
  static var current: Int {
    #if canImport(Darwin)
    let thread = UInt(bitPattern: pthread_self())
    #else
    let thread = UInt(bitPattern: Int(pthread_self()))
    #endif
    return Int(truncatingIfNeeded: (thread >> 12) & UInt(Self.count - 1))
  }
}
