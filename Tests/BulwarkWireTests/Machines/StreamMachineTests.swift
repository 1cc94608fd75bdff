import BulwarkCore
import BulwarkHTTP2
import NIOCore
import Testing

@testable import BulwarkWire

@Suite struct ServerStreamMachineTests {
  private enum State: CaseIterable {
    case collecting, collectingHalf, streaming, running, answered
  }

  private func machine(_ state: State) -> ServerStreamMachine {
    var machine = ServerStreamMachine(isUnary: state != .streaming, maxMessageBytes: 10)
    switch state {
    case .collecting, .streaming: break
    case .collectingHalf: _ = machine.received(ByteBuffer(bytes: [0, 0, 0]), endStream: false)
    case .running: _ = machine.received(ByteBuffer(bytes: Sample.framed([1])), endStream: true)
    case .answered: _ = machine.answer()
    }
    return machine
  }

  private let message = ByteBuffer(bytes: Sample.framed([1]))

  @Test func aWholeMessageAndTheEndStartAUnaryHandlerOnce() {
    for state in State.allCases {
      var machine = self.machine(state)
      let action = machine.received(self.message, endStream: true)
      switch state {
      case .collecting:
        #expect(action == .start(ByteBuffer(bytes: [1])))
        #expect(machine.hasHandler && !machine.isCollecting)
      case .collectingHalf:
        guard case .reject = action else {
          Issue.record("a broken message was taken")
          return
        }
      case .streaming:
        #expect(action == .forward && machine.hasHandler)
      case .running, .answered:
        #expect(action == .keep)
      }
      #expect(machine.received(self.message, endStream: true) == .keep)
    }
  }

  @Test func bytesWithoutTheEndStartNothing() {
    for state in State.allCases {
      var machine = self.machine(state)
      let action = machine.received(ByteBuffer(bytes: [0]), endStream: false)
      #expect(action == (state == .streaming ? .forward : .keep))
      #expect(machine.isCollecting == (state == .collecting || state == .collectingHalf))
      #expect(machine.collectedBytes == [.collecting: 1, .collectingHalf: 4][state] ?? 0)
    }
  }

  @Test func anAnswerIsGivenOnce() {
    for state in State.allCases {
      var machine = self.machine(state)
      #expect(machine.answer() == (state != .answered))
      #expect(machine.answer() == false)
      #expect(machine.isAnswered && !machine.hasHandler && !machine.isCollecting)
      #expect(machine.collectedBytes == 0)
    }
  }

  @Test func headersAreSentOnceAndNotAfterTheAnswer() {
    for state in State.allCases {
      var machine = self.machine(state)
      #expect(machine.sendHeaders() == (state != .answered))
      #expect(machine.sendHeaders() == false)
      #expect(machine.hasSentHeaders == (state != .answered))
    }
  }

  @Test func whatIsWrongWithAUnaryRequestIsSaid() {
    let cases: [([UInt8], StatusCode)] = [
      ([], .unimplemented), (Sample.framed([1]) + Sample.framed([2]), .unimplemented),
      ([0, 0], .internalError), ([0, 0, 0, 0, 2, 1], .internalError),
      (Sample.framed([UInt8](repeating: 0, count: 11)), .resourceExhausted),
      (Sample.framed([1], flag: 1), .internalError),
    ]
    for (bytes, code) in cases {
      var machine = self.machine(.collecting)
      guard case .reject(let error) = machine.received(ByteBuffer(bytes: bytes), endStream: true) else {
        Issue.record("\(bytes) was taken")
        continue
      }
      #expect(error.code == code)
      #expect(!machine.hasHandler)
    }
  }
}

@Suite struct ClientStreamMachineTests {
  private enum State: CaseIterable {
    case awaitingHeaders, receiving, ended
  }

  private func headers(_ fields: [(String, String)]) -> ResponseHeaders {
    var bytes: [UInt8] = []
    var places: [HTTP2Field] = []
    for (name, value) in fields {
      places.append(
        HTTP2Field(start: bytes.count, nameCount: name.utf8.count, valueCount: value.utf8.count)
      )
      bytes += Array(name.utf8)
      bytes += Array(value.utf8)
    }
    return ResponseHeaders(places, in: bytes[...])
  }

  private var initial: ResponseHeaders {
    self.headers([(":status", "200"), ("content-type", "application/grpc"), ("i", "1")])
  }
  private var trailers: ResponseHeaders { self.headers([("grpc-status", "0"), ("t", "2")]) }
  private var failure: ResponseHeaders { self.headers([("grpc-status", "9"), ("grpc-message", "no")]) }
  private let message = ByteBuffer(bytes: Sample.framed([1]))

  private func machine(_ state: State, isUnary: Bool) -> ClientStreamMachine {
    var machine = ClientStreamMachine(isUnary: isUnary, maxMessageBytes: 10)
    switch state {
    case .awaitingHeaders: break
    case .receiving: _ = machine.receivedHeaders(self.initial)
    case .ended: _ = machine.end()
    }
    return machine
  }

  @Test func headersAreTakenOnce() {
    var stream = self.machine(.awaitingHeaders, isUnary: false)
    #expect(stream.receivedHeaders(self.initial) == .metadata(["i": "1"]))
    #expect(stream.receivedHeaders(self.initial) == .keep)
    var unary = self.machine(.awaitingHeaders, isUnary: true)
    #expect(unary.receivedHeaders(self.initial) == .keep)
    for isUnary in [true, false] {
      var ended = self.machine(.ended, isUnary: isUnary)
      #expect(ended.receivedHeaders(self.initial) == .keep)
    }
  }

  @Test func bytesAreTakenBetweenHeadersAndEndOnly() {
    for state in State.allCases {
      var stream = self.machine(state, isUnary: false)
      #expect(stream.received(self.message) == (state == .receiving ? .forward : .keep))
      var unary = self.machine(state, isUnary: true)
      #expect(unary.received(self.message) == .keep)
    }
  }

  @Test func theEndOfTheResponseEndsTheCallOnce() {
    for isUnary in [true, false] {
      for state in State.allCases {
        var machine = self.machine(state, isUnary: isUnary)
        _ = machine.received(self.message)
        let action = machine.receivedTrailers(self.trailers)
        switch (state, isUnary) {
        case (.ended, _):
          #expect(action == .ignore)
        case (.receiving, true):
          let response = Response(
            message: ByteBuffer(bytes: [1]),
            metadata: ["i": "1"],
            trailingMetadata: ["t": "2"]
          )
          #expect(action == .unary(response))
        case (.awaitingHeaders, true):
          guard case .fail(let error) = action else {
            Issue.record("OK without a message")
            return
          }
          #expect(error.code == .unimplemented)
        case (_, false):
          #expect(action == .stream(trailing: ["t": "2"]))
        }
        #expect(machine.hasEnded)
        #expect(machine.receivedTrailers(self.trailers) == .ignore)
        #expect(machine.end() == false)
      }
    }
  }

  @Test func aStatusOtherThanOKFailsTheCall() {
    for isUnary in [true, false] {
      for state in [State.awaitingHeaders, .receiving] {
        var machine = self.machine(state, isUnary: isUnary)
        let error = RPCError(code: .failedPrecondition, message: "no", origin: .remote)
        #expect(machine.receivedTrailers(self.failure) == .fail(error))
      }
    }
  }

  @Test func anEndWithoutTrailersFailsTheCall() {
    for state in [State.awaitingHeaders, .receiving] {
      var machine = self.machine(state, isUnary: false)
      #expect(machine.receivedEnd() == .fail(.endedWithoutStatus))
    }
  }

  @Test func aCancelledCallIsOverOnce() {
    for state in State.allCases {
      var machine = self.machine(state, isUnary: true)
      #expect(machine.end() == (state != .ended))
      #expect(machine.end() == false)
      #expect(machine.received(self.message) == .keep)
      #expect(machine.receivedTrailers(self.trailers) == .ignore)
    }
  }

  @Test func aResponseThatIsWrongFailsAtOnceAndOnce() {
    for bytes in [Sample.framed([1], flag: 1), Sample.framed([1]) + Sample.framed([2])] {
      var machine = self.machine(.receiving, isUnary: true)
      guard case .fail = machine.received(ByteBuffer(bytes: bytes)) else {
        Issue.record("\(bytes) was taken")
        continue
      }
      #expect(machine.receivedTrailers(self.trailers) == .ignore)
    }
  }
}
