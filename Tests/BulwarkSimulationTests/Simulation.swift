import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore

/// Runs a scenario, and says what in it was not as it must be.
final class Simulation {
  let scenario: Scenario
  let pair: LinkedPair
  /// What was wrong; empty if all is well.
  private(set) var faults: [String] = []
  private let service: SimulatedService

  init(_ scenario: Scenario) {
    self.scenario = scenario
    let service = SimulatedService(scenario.calls)
    self.service = service
    self.pair = LinkedPair(
      handlers: Scenario.methods.map { ScriptedHandler($0) { service.respond($0, $1) } },
      scenario.configuration
    )
    if let spoil = scenario.spoil {
      self.pair.interfere = spoil
    } else if scenario.resetOneFrameIn > 0 {
      var generator = SeededGenerator(seed: scenario.seed)
      self.pair.interfere = { frame in
        guard frame.stream > 0, generator.oneIn(scenario.resetOneFrameIn) else { return nil }
        // Any but REFUSED_STREAM, which would be a lie about a call that was served.
        let codes: [UInt32] = [0, 1, 2, 3, 5, 8, 11, 13, 99]
        return .resetStream(code: codes.randomElement(using: &generator) ?? 8)
      }
    }
  }

  /// How many calls ended with each code.
  private(set) var codes: [StatusCode: Int] = [:]

  func run() {
    var numbers: [Int?] = Array(repeating: nil, count: self.scenario.calls.count)
    var agenda: [(at: Duration, act: () -> Void)] = []
    for (index, call) in self.scenario.calls.enumerated() {
      agenda.append((call.at, { numbers[index] = self.pair.start(call.plan) }))
    }
    for (at, fault) in self.scenario.faults {
      agenda.append((at, { self.apply(fault, numbers) }))
    }
    var elapsed = Duration.zero
    for item in agenda.sorted(by: { $0.at < $1.at }) {
      self.pair.run(for: item.at - elapsed)
      elapsed = item.at
      item.act()
    }
    self.settle()
  }

  /// Runs to the end of every call, and looks at what has become of them.
  func settle() {
    let end = self.pair.run(within: .seconds(600))
    self.expect(end == .done, "the run ended with \(end) instead of settling")
    self.pair.run(for: .seconds(2))
    self.probe()
    self.check()
  }

  private func apply(_ fault: Fault, _ numbers: [Int?]) {
    switch fault {
    case .stall(let direction, let duration): self.pair.stall(direction, for: duration)
    case .cancel(let index): numbers[index].map { self.pair.cancel($0) }
    case .cut: self.pair.cut()
    case .stopServer: self.pair.server.beginShutdown()
    case .stopClient: self.pair.client.beginShutdown()
    case .abortServer: self.pair.server.abortCalls()
    }
  }

  /// After all that, a connection that still stands serves calls as if nothing had happened, and of a size that
  /// shows every byte of window that was lost on the way.
  private func probe() {
    guard self.scenario.weather != .broken else { return }
    self.pair.interfere = { _ in nil }
    self.pair.setConditions(LinkConditions(), for: .toServer)
    self.pair.setConditions(LinkConditions(), for: .toClient)
    let configuration = self.scenario.configuration
    // Each windowful is a turn of both sides.
    let size = min(
      configuration.serverHTTP2.streamWindow * 50,
      configuration.server.maxReceiveMessageBytes,
      200_000
    )
    var plan = CallPlan(Scenario.methods[0], message: Pattern.bytes(size, from: 0))
    plan.metadata = ["call": "probe"]
    let call = self.pair.start(plan)
    self.pair.run(within: .seconds(600))
    let outcome = self.pair.calls[call].outcome
    self.expect(outcome?.code == .ok, "the probe ended with \(outcome.map { "\($0)" } ?? "nothing")")
  }

  // MARK: - What must hold

  private func check() {
    for violation in self.pair.violations {
      self.faults.append(violation)
    }
    self.expect(self.pair.server.activeCalls == 0, "\(self.pair.server.activeCalls) calls are still held")
    self.expect(self.pair.client.openCalls == 0, "\(self.pair.client.openCalls) calls are still open")
    for (number, record) in self.pair.calls.enumerated() {
      self.check(record, "call \(number) (\(record.plan.method.method))")
    }
  }

  private func check(_ record: CallRecord, _ name: String) {
    guard let outcome = record.outcome else { return self.faults.append("\(name) has no outcome") }
    self.codes[outcome.code, default: 0] += 1
    if let handler = record.handler {
      self.expect(handler.hasReturned, "\(name): its handler has not returned")
      self.expect(handler.cancellations.count <= 1, "\(name): its handler was cancelled more than once")
      self.expect(
        handler.answer == nil || handler.cancellations.isEmpty,
        "\(name): its handler has answered and was cancelled"
      )
      self.expect(
        record.requests.starts(with: handler.requests),
        "\(name): the handler got what was not sent"
      )
      self.expect(
        !handler.sawEnd || handler.requests == record.requests,
        "\(name): the handler saw the end of the requests and not all of them"
      )
    }
    let sent = record.handler?.responses ?? []
    self.expect(sent.starts(with: record.responses), "\(name): the caller got what was not sent")
    self.check(outcome, of: record, name)
  }

  private func check(_ outcome: CallOutcome, of record: CallRecord, _ name: String) {
    switch outcome {
    case .succeeded:
      self.expect(record.handler?.answer == .some(nil), "\(name): OK, but not by its handler")
      self.expect(
        record.responses == record.handler?.responses,
        "\(name): OK, but not all responses arrived"
      )
    case .failed(let error, let isUnprocessed):
      self.expect(
        !isUnprocessed || record.handler == nil,
        "\(name): unprocessed, but a handler was started"
      )
      if error.origin == .remote, let answer = record.handler?.answer, let answer {
        self.expect(
          error.code == answer.code && error.message == answer.message,
          "\(name): failed with \(error) instead of \(answer)"
        )
      }
      if self.scenario.weather == .calm && self.scenario.spoil == nil && error.origin != .local {
        self.expect(
          record.handler?.answer??.code == error.code,
          "\(name): failed with \(error) in calm weather"
        )
      }
    }
  }

  private func expect(_ condition: Bool, _ fault: @autoclosure () -> String) {
    if !condition { self.faults.append(fault()) }
  }
}

/// The handlers of a simulation: each call says in its metadata which of the planned ones it is.
final class SimulatedService {
  private let calls: [PlannedCall]
  private var requestsSeen: [HTTP2StreamID: Int] = [:]

  init(_ calls: [PlannedCall]) {
    self.calls = calls
  }

  func respond(_ call: ServerCall, _ input: HandlerInput) -> [HandlerStep] {
    guard let index = call.context.metadata["call"].flatMap({ Int($0) }) else {
      return [.answer(ByteBuffer(string: "probed"))]
    }
    let planned = self.calls[index]
    let pause: [HandlerStep] = planned.pause > .zero ? [.wait(planned.pause)] : []
    let seen = self.requestsSeen[call.id, default: 0]
    if case .message = input { self.requestsSeen[call.id] = seen + 1 }
    let steps =
      switch call.entry.descriptor.kind {
      case .unary: self.unary(planned)
      case .serverStreaming: self.download(planned, input)
      case .clientStreaming, .bidirectional: self.stream(planned, input, seen, call.entry.descriptor.kind)
      }
    return pause + steps
  }

  private func unary(_ planned: PlannedCall) -> [HandlerStep] {
    switch planned.behaviour {
    case .answer, .answerEarly: [.answer(planned.responses[0])]
    case .fail(_, let code): [.fail(RPCError(code: code, message: "as planned"))]
    case .hang: []
    }
  }

  private func download(_ planned: PlannedCall, _ input: HandlerInput) -> [HandlerStep] {
    guard case .message = input else { return [] }
    let responses = planned.responses.map { HandlerStep.send($0) }
    switch planned.behaviour {
    case .answer: return responses + [.finish]
    case .answerEarly(let after): return responses.prefix(after) + [.finish]
    case .fail(let after, let code):
      return responses.prefix(after) + [.fail(RPCError(code: code, message: "as planned"))]
    case .hang: return responses
    }
  }

  private func stream(
    _ planned: PlannedCall,
    _ input: HandlerInput,
    _ seen: Int,
    _ kind: CallKind
  ) -> [HandlerStep] {
    let last: [HandlerStep] =
      kind == .clientStreaming
      ? [.answer(planned.responses[0])] : planned.responses.map { .send($0) } + [.finish]
    switch (planned.behaviour, input) {
    case (.answerEarly(let after), .start) where after == 0: return last
    case (.answerEarly(let after), .message) where seen + 1 == after: return last
    case (.fail(let after, let code), .start) where after == 0:
      return [.fail(RPCError(code: code, message: "as planned"))]
    case (.fail(let after, let code), .message) where seen + 1 == after:
      return [.fail(RPCError(code: code, message: "as planned"))]
    case (.fail(_, let code), .end): return [.fail(RPCError(code: code, message: "as planned"))]
    case (.hang, .end), (_, .start): return []
    case (_, .message(let request)): return kind == .bidirectional ? [.send(request)] : []
    case (_, .end): return last
    }
  }
}
