import Testing

@testable import BulwarkHTTP2

@Suite("The table of streams")
struct StreamTableTests {
  @Test("behaves as a dictionary for any sequence of operations", arguments: 0..<50 as Range<UInt64>)
  func model(seed: UInt64) {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func random(_ bound: UInt64) -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state % bound
    }
    var table = StreamTable<Int>()
    var reference: [HTTP2StreamID: Int] = [:]
    // Few identifiers and many operations, so that runs form, wrap around the end and are cut in the middle.
    let stride = HTTP2StreamID(1 << random(12))
    for step in 0..<2_000 {
      let id = (HTTP2StreamID(random(40)) * 2 + 1) &* stride
      switch random(3) {
      case 0:
        table[id] = step
        reference[id] = step
      case 1:
        #expect(table.removeValue(forKey: id) == reference.removeValue(forKey: id))
      default:
        #expect(table[id] == reference[id])
      }
      #expect(table.count == reference.count)
    }
    #expect(table.identifiers.sorted() == reference.keys.sorted())
    #expect(table.values.sorted() == reference.values.sorted())
  }

  @Test("the identifier 0, which no call has, is never in it")
  func zero() {
    var table = StreamTable<Int>()
    table[0] = 1
    #expect(table[0] == nil)
    #expect(table.isEmpty)
    #expect(table.removeValue(forKey: 0) == nil)
  }
}
