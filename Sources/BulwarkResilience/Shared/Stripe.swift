import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Which of a policy's stripes a thread uses: threads that count in different cache lines do not slow each other down
/// (the idea of `LongAdder`; Dice, Lev, Moir, "Scalable statistics counters", 2013).
///
/// A thread's stripe is a hash of its address. Two threads that happen to get the same one are five times slower, not
/// wrong; a policy that notices says so, and the hash of all is drawn anew until the busy ones are apart.
enum Stripe {
  /// How many stripes a policy has, a power of two.
  static let count = 4

  /// What addresses are multiplied with (Knuth's multiplicative hashing).
  private static let multiplier = Atomic<UInt>(firstMultiplier)
  /// One that takes about a third of the range further whatever is spaced like the stacks of threads: any three that
  /// were started one after the other get different stripes.
  static let firstMultiplier: UInt = 0xDB61_0487_C89D_A11B
  private static let collisions = Atomic<UInt>(0)

  /// This thread's number, never 0: no other thread that runs has the same.
  @inline(__always)
  static var thread: UInt {
    // A pointer there, a number here.
    #if canImport(Darwin) || canImport(Musl)
    UInt(bitPattern: pthread_self())
    #else
    UInt(pthread_self())
    #endif
  }

  /// The stripe of this thread. It may change from one call to the next.
  @inline(__always)
  static var current: Int { Self.index(of: Self.thread) }

  /// The stripe of a thread. It may change from one call to the next.
  @inline(__always)
  static func index(of thread: UInt) -> Int {
    Self.index(of: thread, multiplier: Self.multiplier.load(ordering: .relaxed))
  }

  @inline(__always)
  static func index(of thread: UInt, multiplier: UInt) -> Int {
    Int(truncatingIfNeeded: (thread &* multiplier) >> (UInt.bitWidth - 2))
  }

  /// Notes that another thread came in between on this thread's stripe.
  ///
  /// The hash changes at the first, second, fourth, eighth collision and so on: quickly at first, and hardly ever if
  /// there are more busy threads than stripes, when no hash helps.
  @inline(never)
  static func collided() {
    let count = Self.collisions.wrappingAdd(1, ordering: .relaxed).newValue
    guard count & (count &- 1) == 0 else { return }
    let multiplier = Self.multiplier.load(ordering: .relaxed)
    Self.multiplier.store(Self.next(after: multiplier), ordering: .relaxed)
  }

  /// The multiplier that is tried next: odd, as an even one would lose bits.
  static func next(after multiplier: UInt) -> UInt {
    multiplier &* 0xD134_2543_DE82_EF95 | 1
  }
}
