import BulwarkCore
import NIOCore
import Testing

@testable import BulwarkInProcess

@Suite struct MessagePipeMachineTests {
  private static let error = RPCError(code: .aborted, message: "over")
  private var machine = MessagePipeMachine(window: 10)

  /// Whether a step wakes somebody: outside the macro, which cannot take a mutating call apart.
  private func expect(_ wakes: Bool, _ woke: Bool, at location: SourceLocation = #_sourceLocation) {
    #expect(woke == wakes, sourceLocation: location)
  }

  private func message(_ length: Int) -> ByteBuffer { ByteBuffer(repeating: 7, count: length) }

  @Test mutating func `A writer waits above the window, and goes on when what is kept fits it again`() {
    #expect(self.machine.write(self.message(5)) == .keep(mustWait: false))
    #expect(self.machine.write(self.message(1)) == .keep(mustWait: true))
    #expect(self.machine.parkWriter() == .wait)
    #expect(self.machine.next() == .message(self.message(5), resumesWriter: true))
    #expect(self.machine.next() == .message(self.message(1), resumesWriter: false))
    #expect(self.machine.next() == .wait)
  }

  @Test mutating func `A writer does not wait for room that has come in between`() {
    #expect(self.machine.write(self.message(6)) == .keep(mustWait: true))
    #expect(self.machine.next() == .message(self.message(6), resumesWriter: false))
    #expect(self.machine.parkWriter() == .go)
  }

  @Test mutating func `Empty messages are bounded too`() {
    #expect(self.machine.write(self.message(0)) == .keep(mustWait: false))
    #expect(self.machine.write(self.message(0)) == .keep(mustWait: false))
    #expect(self.machine.write(self.message(0)) == .keep(mustWait: true))
  }

  @Test mutating func `A message goes straight to a reader that waits`() {
    #expect(self.machine.parkReader() == .wait)
    #expect(self.machine.write(self.message(100)) == .deliver)
    #expect(self.machine.next() == .wait)
  }

  @Test mutating func `There is one reader and one writer at a time`() {
    #expect(self.machine.parkReader() == .wait)
    #expect(self.machine.next() == .fail(.twoConsumers))
    self.expect(true, self.machine.takeReader())
    #expect(self.machine.write(self.message(6)) == .keep(mustWait: true))
    #expect(self.machine.parkWriter() == .wait)
    #expect(self.machine.write(self.message(0)) == .fail(.twoWriters))
    #expect(self.machine.parkWriter() == .fail(.twoWriters))
  }

  @Test(arguments: [nil, Self.error])
  mutating func `The end comes behind what was written`(error: RPCError?) {
    #expect(self.machine.write(self.message(1)) == .keep(mustWait: false))
    self.expect(false, self.machine.finish(error))
    self.expect(false, self.machine.finish(nil))
    #expect(self.machine.write(self.message(1)) == .fail(.writeAfterFinish))
    #expect(self.machine.next() == .message(self.message(1), resumesWriter: false))
    #expect(self.machine.next() == (error.map { .fail($0) } ?? .end))
  }

  @Test mutating func `The end wakes a reader that waits`() {
    #expect(self.machine.parkReader() == .wait)
    self.expect(true, self.machine.finish(nil))
    #expect(!self.machine.isReaderWaiting)
  }

  @Test mutating func `A failure of the reader drops what waits, and stays`() {
    #expect(self.machine.write(self.message(1)) == .keep(mustWait: false))
    self.expect(false, self.machine.finish(nil))
    self.expect(false, self.machine.failReads(Self.error))
    self.expect(false, self.machine.failReads(.callIsOver))
    #expect(self.machine.next() == .fail(Self.error))
  }

  @Test mutating func `A refusal wakes a writer that waits, and stays`() {
    #expect(self.machine.write(self.message(9)) == .keep(mustWait: true))
    #expect(self.machine.parkWriter() == .wait)
    self.expect(true, self.machine.refuseWrites(Self.error))
    self.expect(false, self.machine.refuseWrites(.callIsOver))
    let later = self.machine.write(self.message(1))
    #expect(later == .fail(Self.error))
  }
}
