/// A small generator of random numbers that gives the same ones for the same seed.
struct SplitMix {
  private var state: UInt64

  init(seed: UInt64) { self.state = seed }

  mutating func below(_ limit: Int) -> Int {
    self.state &+= 0x9e37_79b9_7f4a_7c15
    var value = self.state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((value ^ (value >> 31)) % UInt64(limit))
  }
}
