import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

@Suite struct StreamInboxTests {
  private func framed(_ message: [UInt8]) -> ByteBuffer { ByteBuffer(bytes: Sample.framed(message)) }
  private let error = RPCError(code: .aborted, message: "over")

  @Test func aTakenMessageIsCreditedWithItsPrefix() {
    var inbox = StreamInbox(limit: 100)
    inbox.received(self.framed([1, 2, 3]))
    #expect(inbox.next() == .message(ByteBuffer(bytes: [1, 2, 3]), credit: 8))
    #expect(inbox.next() == .wait(credit: 0))
  }

  @Test func whatNobodyAskedForIsNotCredited() {
    var inbox = StreamInbox(limit: 100)
    inbox.received(self.framed([1]))
    inbox.received(self.framed([2]))
    #expect(inbox.next() == .message(ByteBuffer(bytes: [1]), credit: 6))
    #expect(inbox.next() == .message(ByteBuffer(bytes: [2]), credit: 6))
  }

  @Test func aConsumerThatWaitsHasAllThatCameCredited() {
    var inbox = StreamInbox(limit: 100)
    #expect(inbox.next() == .wait(credit: 0))
    inbox.received(ByteBuffer(bytes: [0, 0, 0]))
    #expect(inbox.next() == .wait(credit: 3))
    inbox.received(ByteBuffer(bytes: [0, 2, 7]))
    #expect(inbox.next() == .wait(credit: 3))
    inbox.received(ByteBuffer(bytes: [8]))
    #expect(inbox.next() == .message(ByteBuffer(bytes: [7, 8]), credit: 1))
  }

  @Test func whatIsCreditedIsWhatCame() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<300 {
      var inbox = StreamInbox(limit: 1_000)
      var received = 0
      var credited = 0
      var messages: [ByteBuffer] = []
      let sent = (0..<Int.random(in: 1...10, using: &generator)).map {
        Sample.bytes(Int.random(in: 0...200, using: &generator), seed: UInt8($0))
      }
      var rest = ByteBuffer(bytes: sent.flatMap { Sample.framed(Array($0.readableBytesView)) })
      while rest.readableBytes > 0 {
        let size = min(Int.random(in: 1...150, using: &generator), rest.readableBytes)
        rest.readSlice(length: size).map { inbox.received($0) }
        received += size
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
          switch inbox.next() {
          case .message(let message, _, let credit):
            messages.append(message)
            credited += credit
          case .wait(let credit): credited += credit
          case .end, .fail: Issue.record("the stream has not ended")
          }
          #expect(credited <= received)
        }
      }
      inbox.receivedEnd(nil)
      while case .message(let message, _, let credit) = inbox.next() {
        messages.append(message)
        credited += credit
      }
      #expect(messages == sent)
      #expect(credited == received)
      #expect(inbox.next() == .end)
    }
  }

  @Test func theEndComesAfterTheLastMessage() {
    var inbox = StreamInbox(limit: 100)
    inbox.received(self.framed([1]))
    inbox.receivedEnd(nil)
    #expect(inbox.next() == .message(ByteBuffer(bytes: [1]), credit: 6))
    #expect(inbox.next() == .end)
    #expect(inbox.next() == .end)
  }

  @Test func theStatusComesAfterTheLastMessage() {
    var inbox = StreamInbox(limit: 100)
    inbox.received(self.framed([1]))
    inbox.receivedEnd(self.error)
    #expect(inbox.next() == .message(ByteBuffer(bytes: [1]), credit: 6))
    #expect(inbox.next() == .fail(self.error))
    #expect(inbox.next() == .fail(self.error))
  }

  @Test func aFailureDropsWhatWaits() {
    var inbox = StreamInbox(limit: 100)
    inbox.received(self.framed([1]))
    inbox.fail(self.error)
    inbox.fail(RPCError(code: .unknown, message: "a later one"))
    inbox.receivedEnd(nil)
    #expect(inbox.next() == .fail(self.error))
  }

  @Test func anEndInsideAMessageIsAnError() {
    var inbox = StreamInbox(limit: 100)
    inbox.received(ByteBuffer(bytes: [0, 0, 0, 0, 5, 1]))
    inbox.receivedEnd(nil)
    guard case .fail(let error) = inbox.next() else {
      Issue.record("half a message passed for an end")
      return
    }
    #expect(error.code == .internalError)
    #expect(inbox.next() == .fail(error))
  }

  @Test func aMessageThatIsTooLargeFailsTheStreamForGood() {
    var inbox = StreamInbox(limit: 2)
    inbox.received(self.framed([1, 2]))
    inbox.received(self.framed([1, 2, 3]))
    inbox.received(self.framed([1]))
    #expect(inbox.next() == .message(ByteBuffer(bytes: [1, 2]), credit: 7))
    guard case .fail(let error) = inbox.next() else {
      Issue.record("the message was taken")
      return
    }
    #expect(error.code == .resourceExhausted)
    inbox.received(self.framed([1]))
    #expect(inbox.next() == .fail(error))
  }

  @Test func tinyPiecesOfALargeBufferDoNotKeepItAlive() {
    var inbox = StreamInbox(limit: 100)
    for _ in 0..<100 {
      var large = ByteBuffer(repeating: 0, count: 100_000)
      large.setInteger(UInt8(0), at: 0)
      large.readSlice(length: 1).map { inbox.received($0) }
    }
    // Twenty empty messages, each from five pieces.
    for _ in 0..<20 {
      guard case .message(let message, _, credit: 5) = inbox.next() else {
        Issue.record("a message is missing")
        return
      }
      #expect(message.storageCapacity < 10_000)
    }
  }
}
