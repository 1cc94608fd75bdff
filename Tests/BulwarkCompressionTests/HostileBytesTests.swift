import BulwarkCompression
import BulwarkTestKit
import NIOCore
import Testing

/// What a peer may send that means no good.
@Suite struct HostileBytesTests {
  @Test(arguments: ZlibFormat.allCases)
  func aBombCostsNoMoreThanTheLimit(format: ZlibFormat) {
    let bomb = ByteBuffer(bytes: format.deflated([UInt8](repeating: 0, count: 10_000_000)))
    #expect(bomb.readableBytes < 11_000)
    let limit = 1 << 20
    var output = ByteBuffer()
    #expect(throws: InflationError.tooLarge) {
      try format.inflate(bomb, into: &output, limit: limit)
    }
    #expect(output.readableBytes == limit)
    #expect(output.capacity == limit)
  }

  @Test(arguments: ZlibFormat.allCases, [0, 1, 1_000, 1_024, 40_000])
  func aMessageOfTheLimitIsTakenAndOneByteMoreIsNot(format: ZlibFormat, limit: Int) throws {
    let fits = [UInt8](repeating: 3, count: limit)
    #expect(try format.inflated(format.deflated(fits), limit: limit) == fits)
    #expect(throws: InflationError.tooLarge) {
      try format.inflated(format.deflated(fits + [3]), limit: limit)
    }
  }

  @Test func theLimitHoldsForAllMembersTogether() {
    let members = (0..<10).flatMap { _ in ZlibFormat.gzip.deflated([UInt8](repeating: 1, count: 100)) }
    #expect(throws: InflationError.tooLarge) { try ZlibFormat.gzip.inflated(members, limit: 999) }
    #expect(throws: Never.self) { try ZlibFormat.gzip.inflated(members, limit: 1_000) }
  }

  @Test(arguments: ZlibFormat.allCases)
  func aMessageThatIsCutAnywhereIsTruncated(format: ZlibFormat) {
    let whole = format.deflated((0..<200).map { UInt8($0 % 50) })
    for count in 0..<whole.count {
      #expect(throws: InflationError.truncated) { try format.inflated(Array(whole.prefix(count))) }
      // With no room left for a byte it is truncated still.
      #expect(throws: InflationError.truncated) {
        try format.inflated(Array(whole.prefix(count)), limit: 200)
      }
    }
  }

  @Test(arguments: ZlibFormat.allCases)
  func aByteThatIsChangedAnywhereIsFoundOrChangesNothing(format: ZlibFormat) {
    let plain = (0..<100).map { UInt8($0 % 30) }
    let whole = format.deflated(plain)
    for index in whole.indices {
      for change in 1...255 {
        var damaged = whole
        damaged[index] ^= UInt8(change)
        // Times, names and flags of a gzip header are not under its check sum.
        if let read = try? format.inflated(damaged, limit: 10_000) { #expect(read == plain) }
      }
    }
  }

  @Test(arguments: ZlibFormat.allCases)
  func randomBytesAreRefusedAndNeverReadPastTheLimit(format: ZlibFormat) {
    var generator = SeededGenerator(seed: 1950)
    // Behind a header that is right, so that the work begins.
    let header = format.deflated([]).prefix(format == .gzip ? 10 : 2)
    for _ in 0..<3_000 {
      let random = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      for bytes in [random, header + random] {
        var output = ByteBuffer()
        try? format.inflate(ByteBuffer(bytes: bytes), into: &output, limit: 500)
        #expect(output.readableBytes <= 500 && output.capacity <= 1_024)
      }
    }
  }
}
