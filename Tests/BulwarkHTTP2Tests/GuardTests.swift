import CNghttp2
import NIOCore
import Testing

@testable import BulwarkHTTP2

/// The small parts: limits, buckets, lists, prefixes.
@Suite struct GuardTests {
  @Test func defaultsAreValid() throws {
    try HTTP2Limits().validate()
    #expect(HTTP2Limits().clamped() == HTTP2Limits())
  }

  @Test func anErrorNamesFieldValueAndRange() throws {
    var limits = HTTP2Limits()
    limits.maxFrameSize = 1
    let error = try #require(throws: HTTP2LimitsError.self) { try limits.validate() }
    #expect(error == HTTP2LimitsError(field: "maxFrameSize", value: 1, allowed: 16_384...16_777_215))
    #expect(
      error.description == "HTTP2Limits.maxFrameSize is 1; it must be between 16384 and 16777215"
    )
  }

  @Test(arguments: [Int.min, -1, 0, .max])
  func absurdLimitsAreClampedAndStillServe(value: Int) throws {
    var limits = HTTP2Limits()
    limits.maxConcurrentStreams = value
    limits.maxHeaderListBytes = max(value, 16_384)
    limits.maxHeaderFields = value
    limits.streamWindow = value
    limits.connectionWindow = value
    limits.maxFrameSize = value
    limits.resetBurst = value
    limits.resetsPerSecond = value
    limits.glitchBurst = value
    limits.glitchesPerSecond = value
    limits.controlFrameBurst = value
    limits.controlFramesPerSecond = value
    limits.maxContinuations = value
    limits.maxEmptyDataFrames = value
    limits.maxSettingsEntries = value
    limits.maxOutboundAcks = value
    limits.maxOutboundFrames = value
    limits.maxOutboundBytes = value
    limits.maxNewStreamsPerRead = value
    try limits.clamped().validate()
    let link = LinkedSessions(client: limits, server: limits)
    let stream = try #require(link.client.sendRequest(Sample.request(), endStream: true))
    link.run()
    #expect(link.server.sendHeaders(stream, Sample.response, endStream: true))
    link.run()
    #expect(link.clientSees.streams[stream]?.closed == [.init(code: .noError, by: .peer)])
  }

  // MARK: - Buckets

  @Test func aBucketGivesItsBurstAndThenItsRate() {
    var bucket = TokenBucket(burst: 5, perSecond: 10, now: 1_000)
    let taken = { (count: Int, now: Int64) in (0..<count).filter { _ in bucket.take(now: now) }.count }
    #expect(taken(10, 1_000) == 5)
    #expect(taken(10, 100_000_999) == 0)
    #expect(taken(10, 100_001_000) == 1)
    #expect(taken(10, 300_001_000) == 2)
    #expect(taken(10, 1_000_000_000_000) == 5)
  }

  @Test func aBucketNeverHoldsMoreThanItsBurst() {
    var bucket = TokenBucket(burst: 3, perSecond: 1, now: 0)
    bucket.restore(1_000_000, now: 0)
    #expect((0..<10).filter { _ in bucket.take(now: 0) }.count == 3)
    bucket.restore(2, now: 0)
    #expect((0..<10).filter { _ in bucket.take(now: 0) }.count == 2)
  }

  @Test func aClockThatGoesBackwardsAddsNothing() {
    var bucket = TokenBucket(burst: 2, perSecond: 1, now: 10_000_000_000)
    let taken = [10_000_000_000, 10_000_000_000, 0, .min / 4, 10_000_000_000, 11_000_000_000].map {
      bucket.take(now: $0)
    }
    #expect(taken == [true, true, false, false, false, true])
  }

  // MARK: - Lists and prefixes

  @Test func aFieldListTakesTextOfEachKindAndKnowsItsSize() {
    var list = HTTP2FieldList()
    list.add(name: "a" as StaticString, value: "b" as StaticString)
    list.add(name: "cc", value: "dd")
    list.add(name: Array("eee".utf8), value: Array("-fff-".utf8).dropFirst().dropLast(), neverIndex: true)
    #expect(list.count == 3 && list.listSize == 3 * 32 + 12)
    list.withNameValues { entries, count in
      let texts = (0..<count).compactMap { index in
        entries.map { entries in
          let entry = entries[index]
          let name = String(
            decoding: UnsafeBufferPointer(start: entry.name, count: entry.namelen),
            as: UTF8.self
          )
          let value = String(
            decoding: UnsafeBufferPointer(start: entry.value, count: entry.valuelen),
            as: UTF8.self
          )
          return "\(name)=\(value):\(entry.flags)"
        }
      }
      #expect(texts == ["a=b:0", "cc=dd:0", "eee=fff:1"])
    }
    HTTP2FieldList().withNameValues { _, count in
      #expect(count == 0)
    }
  }

  @Test func aPrefixMovesOutInPieces() {
    var prefix = HTTP2Prefix(flag: 1, length: 0x0203_0405)
    let pieces = [2, 0, 10].map { room in
      [UInt8](unsafeUninitializedCapacity: room) { free, count in
        count = prefix.move(
          into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(free)[..<room])
        )
      }
    }
    #expect(pieces == [[1, 2], [], [3, 4, 5]])
    #expect(prefix.count == 0)
  }

  @Test(arguments: [0, 1, 8, 200])
  func aPrefixHasUpToEightBytes(count: UInt8) {
    var prefix = HTTP2Prefix(bytes: 0x0102_0304_0506_0708, count: count)
    let bytes = Array((UInt8(1)...8).suffix(Int(count)))
    let moved = [UInt8](unsafeUninitializedCapacity: 100) { free, count in
      count = prefix.move(into: UnsafeMutableRawBufferPointer(free))
    }
    #expect(moved == bytes)
  }

  @Test func aQueueYieldsItsBytesInOrderWhateverThePieces() {
    for piece in 1...20 {
      var queue = OutboundQueue()
      queue.append(prefix: HTTP2Prefix(bytes: 0, count: 0), payload: ByteBuffer())
      for number in UInt8(0)..<5 {
        let payload = ByteBuffer(bytes: [UInt8](repeating: number, count: Int(number)))
        queue.append(prefix: HTTP2Prefix(flag: 9, length: UInt32(number)), payload: payload)
      }
      #expect(queue.count == 35)
      var buffer = ByteBuffer()
      while queue.count > 0 {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: piece) { free in
          queue.move(into: UnsafeMutableRawBufferPointer(rebasing: free[..<piece]))
        }
      }
      let expected = (UInt8(0)..<5).flatMap { number -> [UInt8] in
        [9, 0, 0, 0, number] + [UInt8](repeating: number, count: Int(number))
      }
      #expect(Array(buffer.readableBytesView) == expected)
    }
  }
}
