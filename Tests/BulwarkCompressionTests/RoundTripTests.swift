import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkCompression

@Suite struct RoundTripTests {
  @Test(arguments: ZlibFormat.allCases, [0, 1, 2, 100, 1_024, 65_536, 300_000])
  func whatIsCompressedComesBack(format: ZlibFormat, size: Int) throws {
    var generator = SeededGenerator(seed: UInt64(size))
    let repetitive = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 64) }
    let random = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
    for bytes in [repetitive, random] {
      #expect(try format.inflated(format.deflated(bytes), limit: size) == bytes)
    }
  }

  @Test func whatOthersHaveCompressedIsRead() throws {
    #expect(try ZlibFormat.gzip.inflated(Foreign.gzip) == Foreign.plain)
    #expect(try ZlibFormat.zlib.inflated(Foreign.zlib) == Foreign.plain)
  }

  @Test func theTwoFormatsAreNotMistakenForEachOther() {
    #expect(throws: InflationError.corrupt("incorrect header check")) {
      try ZlibFormat.gzip.inflated(Foreign.zlib)
    }
    #expect(throws: InflationError.corrupt("incorrect header check")) {
      try ZlibFormat.zlib.inflated(Foreign.gzip)
    }
  }

  @Test func membersOfGzipFollowEachOther() throws {
    #expect(try ZlibFormat.gzip.inflated(Foreign.gzip + Foreign.gzip) == Foreign.plain + Foreign.plain)
  }

  @Test(arguments: ZlibFormat.allCases, [[UInt8(0)], [0x1F, 0x8B], Array("more".utf8)])
  func otherBytesBehindTheEndAreAnError(format: ZlibFormat, extra: [UInt8]) {
    #expect(throws: InflationError.self) {
      try format.inflated(format.deflated([1, 2, 3]) + extra)
    }
  }

  @Test func aSecondStreamBehindTheFirstIsAnErrorOutsideGzip() {
    #expect(throws: InflationError.corrupt("bytes follow its end")) {
      try ZlibFormat.zlib.inflated(Foreign.zlib + Foreign.zlib)
    }
  }

  @Test func aDictionaryIsRefused() {
    // RFC 1950: the flag FDICT, and the check sum of a dictionary that nobody has.
    #expect(throws: InflationError.corrupt("it needs a dictionary, and gRPC has none")) {
      try ZlibFormat.zlib.inflated([0x78, 0xBB, 1, 2, 3, 4])
    }
  }

  @Test(arguments: ZlibFormat.allCases)
  func whatDoesNotBecomeSmallerIsGivenUpEarly(format: ZlibFormat) {
    var generator = SeededGenerator(seed: 7)
    let random = (0..<10_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    #expect(format.deflate(ByteBuffer(bytes: random), limit: random.count - 1) == nil)
    #expect(format.deflate(ByteBuffer(repeating: 0, count: 10_000), limit: 9_999) != nil)
  }

  @Test(arguments: ZlibFormat.allCases)
  func aResultOfTheLimitIsGivenAndOneByteMoreIsNot(format: ZlibFormat) {
    let message = ByteBuffer(string: "a message, a message, a message")
    let size = format.deflate(message)?.readableBytes ?? 0
    #expect(size > 0)
    #expect(format.deflate(message, limit: size)?.readableBytes == size)
    #expect(format.deflate(message, limit: size - 1) == nil)
  }

  @Test func aPoolKeepsNoMoreThanItMay() throws {
    let pool = ContextPool<InflateContext>(capacity: 2)
    for _ in 0..<3 {
      pool.put(try #require(InflateContext()))
    }
    #expect(pool.count == 2)
    #expect(pool.take() != nil && pool.take() != nil)
    #expect(pool.take() == nil)
  }

  @Test func aStateIsAsGoodAsNewAfterAnError() throws {
    let context = try #require(InflateContext())
    var output = ByteBuffer()
    #expect(context.inflate(ByteBuffer(bytes: [1, 2, 3]), .gzip, into: &output, limit: 100) != nil)
    let half = ByteBuffer(bytes: Foreign.gzip.prefix(12))
    #expect(context.inflate(half, .gzip, into: &output, limit: 100) == .truncated)
    output.clear()
    #expect(context.inflate(ByteBuffer(bytes: Foreign.zlib), .zlib, into: &output, limit: 100) == nil)
    #expect(output == ByteBuffer(bytes: Foreign.plain))
  }
}
