import BulwarkCore
import Testing

@testable import BulwarkInProcess

@Suite struct ExchangeMachineTests {
  @Test func `A call ends once, by whatever comes first`() {
    var machine = ExchangeMachine()
    #expect(machine.answered(.notFound) == .end(cancelsHandler: false))
    #expect(machine.cutOff(nil) == .ignore)
    #expect(machine.answered(.ok) == .ignore)
    #expect(machine.handlerReturned() == .answered(.notFound))
  }

  @Test func `A call that is cut off cancels its handler, and is settled when that has returned`() {
    var machine = ExchangeMachine()
    #expect(machine.cutOff(.deadlineExceeded) == .end(cancelsHandler: true))
    #expect(machine.hasEnded && !machine.isSettled)
    #expect(machine.answered(.ok) == .ignore)
    #expect(machine.handlerReturned() == .answered(.deadlineExceeded))
    #expect(machine.isSettled)
  }

  @Test func `A call whose client has gone is abandoned`() {
    var machine = ExchangeMachine()
    #expect(machine.cutOff(nil) == .end(cancelsHandler: true))
    #expect(machine.handlerReturned() == .abandoned)
  }
}
