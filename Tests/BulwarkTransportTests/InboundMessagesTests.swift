import BulwarkCore
import NIOCore
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct InboundMessagesTests {
  @Test func aMessageThatIsThereIsTakenWithoutWaiting() async throws {
    let messages = InboundMessages(maxMessageBytes: 100) { _ in }
    messages.received(.framed("a"))
    #expect(try await messages.next() == ByteBuffer(string: "a"))
  }

  @Test func aWaitingConsumerGetsTheMessageThatComesInParts() async throws {
    let messages = InboundMessages(maxMessageBytes: 100) { _ in }
    let consumer = Task.immediate { try await messages.next() }
    var bytes = ByteBuffer.framed("parts")
    while let byte = bytes.readSlice(length: 1) {
      messages.received(byte)
    }
    #expect(try await consumer.value == ByteBuffer(string: "parts"))
  }

  @Test func theEndComesAfterTheMessages() async throws {
    let messages = InboundMessages(maxMessageBytes: 100) { _ in }
    messages.received(.framed("last"))
    messages.receivedEnd(nil)
    #expect(try await messages.next() == ByteBuffer(string: "last"))
    #expect(try await messages.next() == nil)
    #expect(try await messages.next() == nil)
  }

  @Test func aFailureOvertakesTheMessages() async throws {
    let messages = InboundMessages(maxMessageBytes: 100) { _ in }
    messages.received(.framed("lost"))
    messages.fail(.callIsOver)
    await #expect(throws: RPCError.callIsOver) { try await messages.next() }
  }

  @Test func aSecondConsumerIsRefusedWhileTheFirstWaits() async throws {
    let messages = InboundMessages(maxMessageBytes: 100) { _ in }
    let first = Task.immediate { try await messages.next() }
    await #expect(throws: RPCError.twoConsumers) { try await messages.next() }
    messages.received(.framed("mine"))
    #expect(try await first.value == ByteBuffer(string: "mine"))
  }

  @Test func aCancelledConsumerLeavesTheMessageToTheNext() async throws {
    let messages = InboundMessages(maxMessageBytes: 100) { _ in }
    let first = Task.immediate { try await messages.next() }
    first.cancel()
    await #expect(throws: RPCError.cancelledByCaller) { try await first.value }
    messages.received(.framed("kept"))
    #expect(try await messages.next() == ByteBuffer(string: "kept"))
  }

  @Test func creditIsGivenForAllThatWasTaken() async throws {
    let credit = Total()
    let messages = InboundMessages(maxMessageBytes: 100_000) { credit.add($0) }
    let bytes = ByteBuffer.framed(String(repeating: "x", count: 50_000))
    messages.received(bytes)
    _ = try await messages.next()
    #expect(credit.value == bytes.readableBytes)
  }

  @Test func noMessageIsLostOrSeenTwiceWhenCancellationsRaceWithArrivals() async throws {
    for _ in 0..<300 {
      let messages = InboundMessages(maxMessageBytes: 100) { _ in }
      let producer = Task.detached {
        for number in 0..<20 {
          messages.received(.framed("\(number)"))
        }
        messages.receivedEnd(nil)
      }
      var seen: [String] = []
      var isAtEnd = false
      while !isAtEnd {
        let consumer = Task.detached { try await messages.next() }
        let canceller = Task.detached { consumer.cancel() }
        do {
          if let message = try await consumer.value {
            seen.append(String(buffer: message))
          } else {
            isAtEnd = true
          }
        } catch {
          #expect(error as? RPCError == .cancelledByCaller)
        }
        await canceller.value
      }
      await producer.value
      #expect(seen == (0..<20).map { "\($0)" })
    }
  }
}

extension ByteBuffer {
  /// A gRPC message with its prefix.
  static func framed(_ text: String) -> ByteBuffer {
    var buffer = ByteBuffer(integer: UInt8(0))
    buffer.writeInteger(UInt32(text.utf8.count))
    buffer.writeString(text)
    return buffer
  }
}
