/// A random number generator that gives the same numbers for the same seed: SplitMix64 (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014). For tests, not for secrets.
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
  private var state: UInt64

  /// A generator whose numbers follow from the seed alone.
  public init(seed: UInt64) {
    self.state = seed
  }

  public mutating func next() -> UInt64 {
    self.state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = self.state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// A generator of its own for a part of the test, so that one part's use of numbers does not shift another's.
  public mutating func split() -> SeededGenerator {
    SeededGenerator(seed: self.next())
  }

  /// True once in `count` times on average; always for one and less.
  public mutating func oneIn(_ count: Int) -> Bool {
    Int.random(in: 0..<max(count, 1), using: &self) == 0
  }
}
