import BulwarkCore
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct OutboundMessagesTests {
  private let message = ByteBuffer(string: "m")

  @Test func oneDrainIsAskedForUntilTheLoopTakesWhatWaits() async throws {
    let drains = Total()
    let messages = OutboundMessages { _ in drains.add(1) }
    try await messages.write(self.message)
    try await messages.write(self.message)
    #expect(drains.value == 1)
    #expect(messages.take().messages.count == 2)
    try await messages.write(self.message)
    #expect(drains.value == 2)
  }

  @Test func theLoopIsAskedAtOnceForTheFirstMessageAndWhenTheWriterWouldHaveToWait() async throws {
    let times = Mutex<[DrainTime]>([])
    let messages = OutboundMessages { time in times.withLock { $0.append(time) } }
    let large = ByteBuffer(repeating: 0, count: 40 * 1024)
    try await messages.write(self.message)
    #expect(messages.take().messages.count == 1)
    try await messages.write(large)
    #expect(times.withLock { $0 } == [.now, .beforeFlush])
    let writer = Task.immediate { try await messages.write(large) }
    #expect(times.withLock { $0 } == [.now, .beforeFlush, .now])
    #expect(messages.take().messages.count == 2)
    messages.setBackedUp(false)
    try await writer.value
  }

  @Test func aWriterWaitsWhileTheTransportIsBackedUp() async throws {
    let messages = OutboundMessages { _ in }
    messages.setBackedUp(true)
    let writer = Task.immediate { try await messages.write(self.message) }
    #expect(messages.take().messages.count == 1)
    await #expect(throws: RPCError.twoWriters) { try await messages.write(self.message) }
    messages.setBackedUp(false)
    try await writer.value
  }

  @Test func aWriterAboveTheHighWaterMarkGoesOnWhenTheLoopHasTakenItsMessages() async throws {
    let messages = OutboundMessages { _ in }
    let large = ByteBuffer(repeating: 1, count: 100_000)
    let writer = Task.immediate { try await messages.write(large) }
    #expect(messages.take().messages.count == 1)
    messages.setBackedUp(false)
    try await writer.value
  }

  @Test func finishingEndsTheHalfAfterWhatWasWritten() async throws {
    let messages = OutboundMessages { _ in }
    try await messages.write(self.message)
    messages.finish()
    messages.finish()
    let (taken, isFinished) = messages.take()
    #expect(taken.count == 1)
    #expect(isFinished)
    await #expect(throws: RPCError.writeAfterFinish) { try await messages.write(self.message) }
  }

  @Test func theFirstFailureIsTheOneThatEveryWriterSees() async throws {
    let messages = OutboundMessages { _ in }
    messages.setBackedUp(true)
    let writer = Task.immediate { try await messages.write(self.message) }
    messages.fail(.callIsOver)
    messages.fail(.twoWriters)
    await #expect(throws: RPCError.callIsOver) { try await writer.value }
    await #expect(throws: RPCError.callIsOver) { try await messages.write(self.message) }
    #expect(messages.take().messages.isEmpty)
  }

  @Test func whatWasTakenCanBeTakenOnceMoreBeforeWhatWaits() async throws {
    let messages = OutboundMessages(keepsTaken: true) { _ in }
    for text in ["a", "b"] {
      try await messages.write(ByteBuffer(string: text))
      _ = messages.take()
    }
    try await messages.write(ByteBuffer(string: "c"))
    messages.finish()
    #expect(messages.rewind())
    let (again, isFinished) = messages.take()
    #expect(again.map { String(buffer: $0.bytes) } == ["a", "b", "c"])
    #expect(isFinished)
    #expect(!messages.rewind(), "a call is sent twice at most")
  }

  @Test func nothingIsKeptUnlessAskedForNorOnceTheServerHasAnswered() async throws {
    let servers = OutboundMessages { _ in }
    try await servers.write(self.message)
    _ = servers.take()
    #expect(!servers.rewind())

    let answered = OutboundMessages(keepsTaken: true) { _ in }
    try await answered.write(self.message)
    _ = answered.take()
    answered.forgetTaken()
    #expect(!answered.rewind())
  }

  @Test func noMoreIsKeptThanTheLimit() async throws {
    let cost = MemoryLayout<OutboundMessage>.stride
    for (bytes, isKept) in [
      (OutboundMessages.keptBytesLimit - cost, true), (OutboundMessages.keptBytesLimit - cost + 1, false),
    ] {
      let messages = OutboundMessages(keepsTaken: true) { _ in }
      // It waits for the loop, being above the high-water mark.
      let writer = Task.immediate { try await messages.write(ByteBuffer(repeating: 0, count: bytes)) }
      _ = messages.take()
      messages.setBackedUp(false)
      try await writer.value
      #expect(messages.rewind() == isKept)
    }
  }

  @Test func messagesWithoutBytesAreNotKeptWithoutEnd() async throws {
    let messages = OutboundMessages(keepsTaken: true) { _ in }
    let most = OutboundMessages.keptBytesLimit / MemoryLayout<OutboundMessage>.stride
    for _ in 0...most {
      try await messages.write(ByteBuffer())
      _ = messages.take()
    }
    #expect(!messages.rewind())
  }

  @Test func aCancelledWriterGoesOnAtOnce() async throws {
    let messages = OutboundMessages { _ in }
    messages.setBackedUp(true)
    let writer = Task.immediate { try await messages.write(self.message) }
    writer.cancel()
    await #expect(throws: RPCError.cancelledByCaller) { try await writer.value }
  }

  @Test func noWriterHangsWhenCancellationsRaceWithRoom() async throws {
    for _ in 0..<500 {
      let messages = OutboundMessages { _ in }
      messages.setBackedUp(true)
      let writer = Task.detached { try? await messages.write(self.message) }
      let canceller = Task.detached { writer.cancel() }
      let loop = Task.detached {
        _ = messages.take()
        messages.setBackedUp(false)
      }
      let breaker = Task.detached { messages.fail(.callIsOver) }
      _ = await (writer.value, canceller.value, loop.value, breaker.value)
    }
  }
}

/// A sum that threads add to.
final class Total: Sendable {
  private let state = Mutex(0)
  var value: Int { self.state.withLock { $0 } }
  func add(_ number: Int) { self.state.withLock { $0 += number } }
}
