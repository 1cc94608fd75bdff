import Testing

@testable import BulwarkBalancing

@Suite struct HashRingTests {
  /// Each from the reference implementation: `xxhash.xxh64(text).hexdigest()` of PyPI's xxhash.
  @Test(
    arguments: [
      ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
      ("1234567", 0xD3A4_6E91_0828_9359), ("12345678", 0xD2D0_2F08_CF7C_FD4A),
      ("123456789abc", 0xA5B5_C36F_9984_8384), (String(repeating: "x", count: 31), 0x60DD_0D01_083B_99F0),
      (String(repeating: "y", count: 32), 0x64DA_1F1D_3495_CE66),
      ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
      ("10.0.0.1:443_0", 0x1D65_05E9_ABEE_D0B3), (String(repeating: "é", count: 50), 0x0373_DE59_9EED_C0F9),
      (
        String(decoding: (0..<1000).map { UInt8(33 + $0 % 90) }, as: UTF8.self), 0xD7F6_EFFE_B66F_4ED1
      ),
    ] as [(String, UInt64)]
  )
  func `The hash is XXH64`(text: String, hash: UInt64) {
    #expect(XXH64.hash(text) == hash)
  }

  private func ring(_ endpoints: [(key: String, weight: UInt32)]) -> HashRing {
    HashRing(endpoints, minimumSize: 1024, maximumSize: 4096)
  }

  private func keys(_ count: Int) -> [(key: String, weight: UInt32)] {
    (1...count).map { ("10.0.0.\($0):443", 1) }
  }

  private func owner(_ ring: HashRing, _ number: Int) -> Int {
    ring.owner(at: ring.place(of: XXH64.hash("key \(number)")))
  }

  /// The others have more places then, so that a few keys change hands between them too: the price of the same ring as
  /// that of gRPC's other clients.
  @Test(arguments: [2, 3, 4, 7, 10, 50])
  func `An endpoint that leaves moves its own keys, one in n, and at most one in ten of the others`(
    count: Int
  ) {
    let endpoints = self.keys(count)
    let all = self.ring(endpoints)
    let fewer = self.ring(Array(endpoints.dropLast()))
    let owners = (0..<10_000).map { (self.owner(all, $0), self.owner(fewer, $0)) }
    let own = owners.count { $0.0 == count - 1 }
    let others = owners.count { $0.0 != count - 1 && $0.0 != $0.1 }
    // Within the spread that a ring of about a thousand places has.
    #expect(abs(Double(own) / 10_000 * Double(count) - 1) < 0.5, "\(own)")
    #expect(others < 1_000, "\(others)")
  }

  @Test
  func `An endpoint that leaves moves only its own keys where the others have as many places as before`() {
    let endpoints = self.keys(6)
    let all = HashRing(endpoints, minimumSize: 1200, maximumSize: 1200)
    let fewer = HashRing(Array(endpoints.dropLast()), minimumSize: 1000, maximumSize: 1000)
    for number in 0..<10_000 where self.owner(all, number) != 5 {
      #expect(self.owner(all, number) == self.owner(fewer, number))
    }
  }

  @Test func `The order of the list plays no part`() {
    let endpoints = self.keys(7)
    let one = self.ring(endpoints)
    let other = self.ring(endpoints.reversed())
    for number in 0..<1_000 { #expect(self.owner(one, number) == 6 - self.owner(other, number)) }
  }

  @Test func `Places follow the weights`() {
    let ring = self.ring([("a", 1), ("b", 3), ("c", 4)])
    let owners = (0..<ring.count).map { ring.owner(at: $0) }
    #expect(ring.count == 1024)
    #expect((0..<3).map { owner in owners.count { $0 == owner } } == [128, 384, 512])
  }

  @Test(
    arguments: [
      ([1], 1024), ([1, 1, 1], 1026), ([1, 1000], 2002), ([1, 10_000], 4096), ([0, 0], 1024),
      ([.max, .max, .max], 1026),
    ] as [([UInt32], Int)]
  )
  func `The ring is as large as its lightest endpoint needs, up to the maximum`(weights: [UInt32], count: Int)
  {
    let ring = self.ring(weights.enumerated().map { ("\($0)", $1) })
    #expect(ring.count == count)
    #expect(Set((0..<ring.count).map { ring.owner(at: $0) }).count == weights.count)
  }

  @Test func `A ring smaller than its endpoints are many still has a place for each`() {
    let ring = HashRing(self.keys(5), minimumSize: 1, maximumSize: 2)
    #expect(Set((0..<ring.count).map { ring.owner(at: $0) }) == Set(0..<5))
  }

  @Test func `A hash beyond the last place is the first place's`() {
    let ring = self.ring(self.keys(3))
    #expect(ring.place(of: .max) == 0 && ring.place(of: 0) == 0)
    #expect(ring.place(after: ring.count - 1) == 0)
  }
}
