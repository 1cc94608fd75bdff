import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkWire

@Suite struct HeaderCodingTests {
  // MARK: - Timeout

  @Test func aTimeoutIsNeverReadAsLessThanWasMeant() throws {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<5_000 {
      // As many short ones as long ones.
      let nanoseconds =
        Int64.random(in: 1...Int64.max, using: &generator) >> Int64.random(in: 0...62, using: &generator)
      let text = TimeoutHeader.encode(nanoseconds: max(nanoseconds, 1))
      #expect(text.utf8.count <= 9)
      let read = try #require(TimeoutHeader.decode(Array(text.utf8)[...]))
      #expect(read >= nanoseconds)
      // And by less than a part in ten thousand, but for the last unit's rounding.
      #expect(Double(read) <= Double(max(nanoseconds, 1)) * 1.0001)
    }
  }

  @Test(arguments: [Int64.min, -1, 0, 1])
  func aTimeThatIsOverIsSentAsTheShortest(nanoseconds: Int64) {
    #expect(TimeoutHeader.encode(nanoseconds: nanoseconds) == "1n")
  }

  @Test func theLongestTimeIsSent() {
    #expect(TimeoutHeader.encode(nanoseconds: .max) == "2562048H")
    #expect(TimeoutHeader.decode(Array("99999999H".utf8)[...]) == .max)
  }

  // MARK: - Base64

  @Test func base64OfAnyBytesIsReadBackWithAndWithoutPadding() {
    var generator = SeededGenerator(seed: 2)
    for count in 0..<200 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let text = Base64.encode(bytes)
      #expect(text.count == (count * 4 + 2) / 3)
      #expect(Base64.decode(text) == bytes)
      let padded = text + [UInt8](repeating: UInt8(ascii: "="), count: (4 - text.count % 4) % 4)
      #expect(Base64.decode(padded) == bytes)
    }
  }

  @Test(arguments: [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
  ])
  func base64IsTheStandardAlphabetWithoutPadding(text: String, encoded: String) {
    #expect(String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) == encoded)
  }

  @Test(arguments: ["Z", "Zg=", "Zg===", "Zm9=v", "Zm 9", "Zm9v=", "====", "Zm9-", "Zm9vZ"])
  func whatIsNoBase64IsRefused(text: String) {
    #expect(Base64.decode(Array(text.utf8)) == nil)
  }

  // MARK: - Percent encoding

  @Test func anyTextIsReadBack() {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<500 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...30, using: &generator) {
        let limit: UInt32 = [0x7F, 0x7FF, 0xD7FF, 0x10FFFF].randomElement(using: &generator) ?? 0x7F
        Unicode.Scalar(UInt32.random(in: 0...limit, using: &generator)).map { text.append($0) }
      }
      let encoded = PercentEncoding.encode(String(text), limit: .max)
      #expect(encoded.allSatisfy { (0x20...0x7E).contains($0) })
      #expect(PercentEncoding.decode(encoded) == String(text))
    }
  }

  @Test func anyBytesAreRead() {
    var generator = SeededGenerator(seed: 6)
    for _ in 0..<500 {
      let bytes = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
        [UInt8(ascii: "%"), UInt8(ascii: "A"), .random(in: 0...255, using: &generator)]
          .randomElement(using: &generator) ?? 0
      }
      #expect(PercentEncoding.decode(bytes).utf8.count >= 0)
    }
  }

  @Test(arguments: 0...12)
  func aLongTextIsCutBetweenCharacters(limit: Int) {
    let encoded = PercentEncoding.encode("aü%z", limit: limit)
    let whole = "a%C3%BC%25z"
    let cuts = [0, 1, 7, 10, 11]
    let expected = whole.prefix(cuts.last { $0 <= limit } ?? 0)
    #expect(String(decoding: encoded, as: UTF8.self) == expected)
  }

  // MARK: - Names

  @Test(
    arguments: [
      (":path", HeaderName.path), (":method", .method), ("te", .te), ("content-type", .contentType),
      ("grpc-status", .grpcStatus), ("grpc-message", .grpcMessage), ("grpc-timeout", .grpcTimeout),
      ("grpc-encoding", .grpcEncoding), ("grpc-accept-encoding", .grpcAcceptEncoding),
      ("grpc-", .grpcReserved),
      ("grpc-tags-bin", .grpcReserved), ("grpc-status-details-bin", .applicationBinary),
      ("grpc-previous-rpc-attempts", .application), ("grpc-retry-pushback-ms", .application),
      ("x-bin", .applicationBinary), ("-bin", .application), ("bin", .application), ("", .application),
      ("user-agent", .application), ("grpcx", .application), ("content-length", .contentLength),
      (":status", .status), (":scheme", .scheme), (":authority", .authority),
    ]
  )
  func aNameHasOneMeaning(name: String, meaning: HeaderName) {
    let bytes = Array(name.utf8)
    let read = HeaderName(bytes.span)
    #expect(read == meaning)
  }

  // MARK: - Metadata

  @Test func aReceivedPairKeepsItsBytes() {
    var metadata = Metadata()
    let value = Array(" AQ,,Ag== ".utf8)
    #expect(MetadataFields.appendBinary(name: Array("k-bin".utf8)[...], value: value[...], to: &metadata))
    #expect(metadata.binaryValues(for: "k-bin") == [[1], [], [2]])
    #expect(!MetadataFields.appendBinary(name: [0x61], value: [0x2A], to: &metadata))
    metadata.append(name: [0x61], value: [0xFF, 0x20])
    #expect(metadata["a"] == "\u{FFFD} ")
  }

  @Test(arguments: ["authorization", "x"])
  func aSecretIsKeptOutOfCompressionTables(name: String) throws {
    var fields = HTTP2FieldList()
    try MetadataFields.append([name: "v"], to: &fields)
    var plain = HTTP2FieldList()
    plain.add(name: name, value: "v")
    #expect((fields == plain) == (name == "x"))
  }

  // MARK: - Status

  @Test func resetsAndHTTPStatusesAreMappedAsTheTableSays() {
    let http: [Int: StatusCode] = [
      400: .internalError, 401: .unauthenticated, 403: .permissionDenied, 404: .unimplemented,
      429: .unavailable, 431: .internalError, 502: .unavailable, 503: .unavailable, 504: .unavailable,
    ]
    for status in 0..<1_000 {
      #expect(StatusMapping.code(httpStatus: status) == http[status] ?? .unknown)
    }
    let resets: [UInt32: StatusCode] = [
      7: .unavailable, 8: .cancelled, 11: .resourceExhausted, 12: .permissionDenied,
    ]
    for code in 0..<20 as Range<UInt32> {
      #expect(StatusMapping.code(reset: HTTP2ErrorCode(rawValue: code)) == resets[code] ?? .internalError)
    }
  }
}
