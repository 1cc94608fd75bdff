import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import Foundation
import NIOCore
import Testing

@Suite struct MessageDeframerTests {
  /// Every message that comes out of these chunks.
  private func messages(_ chunks: [[UInt8]], limit: Int = 1 << 20) throws(RPCError) -> [[UInt8]] {
    var deframer = MessageDeframer(limit: limit)
    var messages: [[UInt8]] = []
    for bytes in chunks {
      var chunk = ByteBuffer(bytes: bytes)
      while let message = try deframer.next(from: &chunk) {
        messages.append(Array(message.readableBytesView))
      }
      #expect(chunk.readableBytes == 0)
    }
    return messages
  }

  @Test(arguments: 1...20)
  func piecesOfAnySizeGiveTheSameMessages(size: Int) throws {
    let sent: [[UInt8]] = [[], [1], [2, 3, 4], [UInt8](repeating: 5, count: 40), []]
    let bytes = sent.flatMap { Sample.framed($0) }
    let chunks = stride(from: 0, to: bytes.count, by: size).map {
      Array(bytes[$0..<min($0 + size, bytes.count)])
    }
    #expect(try self.messages(chunks) == sent)
  }

  @Test func aThousandMessagesMayLieInOneChunk() throws {
    let sent = (0..<1_000).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0 % 5) }
    #expect(try self.messages([sent.flatMap { Sample.framed($0) }]) == sent)
  }

  @Test func aMessageOfTheLimitIsTakenAndOneByteMoreIsNot() throws {
    #expect(try self.messages([Sample.framed([1, 2, 3])], limit: 3).count == 1)
    let error = #expect(throws: RPCError.self) {
      try self.messages([Sample.framed([1, 2, 3, 4])], limit: 3)
    }
    #expect(error?.code == .resourceExhausted)
  }

  #if os(Linux)
  @Test func aDeclaredLengthReservesLittleUntilItsBytesCome() throws {
    var deframers = (0..<64).map { _ in MessageDeframer(limit: Int(UInt32.max)) }
    let before = try self.addressSpace()
    for index in deframers.indices {
      // Four gibibytes are announced, and one byte of them comes.
      var chunk = ByteBuffer(bytes: [0, 0xFF, 0xFF, 0xFF, 0xFF, 1])
      let message = try deframers[index].next(from: &chunk)
      #expect(message == nil)
      #expect(deframers[index].isInsideMessage)
    }
    // Other tests run beside this one, but hold nothing like the 256 GiB that were announced.
    #expect(try self.addressSpace() - before < 16 << 30)
  }

  /// The size of this process's address space in bytes: what was reserved, used or not.
  private func addressSpace() throws -> Int {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ").first
    return try #require(pages.flatMap { Int($0) }) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
  #endif

  @Test(arguments: [1, 2, 128, 255] as [UInt8])
  func aFlagThatWasNotAgreedIsAnError(flag: UInt8) {
    let error = #expect(throws: RPCError.self) {
      try self.messages([Sample.framed([1], flag: flag)])
    }
    #expect(error?.code == .internalError)
    #expect(error?.origin == .transport)
  }

  @Test func itKnowsWhetherAMessageHasBegun() throws {
    var deframer = MessageDeframer(limit: 10)
    #expect(!deframer.isInsideMessage)
    for byte in Sample.framed([1, 2]).dropLast() {
      var chunk = ByteBuffer(bytes: [byte])
      #expect(try deframer.next(from: &chunk) == nil)
      #expect(deframer.isInsideMessage)
    }
    var last = ByteBuffer(bytes: [2])
    #expect(try deframer.next(from: &last) == ByteBuffer(bytes: [1, 2]))
    #expect(!deframer.isInsideMessage)
  }

  @Test func randomCutsOfRandomMessagesGiveThemBack() throws {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<200 {
      let sent = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
        (0..<Int.random(in: 0...70, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
      }
      var rest = sent.flatMap { Sample.framed($0) }[...]
      var chunks: [[UInt8]] = []
      while !rest.isEmpty {
        chunks.append(Array(rest.prefix(Int.random(in: 1...30, using: &generator))))
        rest = rest.dropFirst(chunks.last?.count ?? 1)
      }
      #expect(try self.messages(chunks) == sent)
    }
  }
}
