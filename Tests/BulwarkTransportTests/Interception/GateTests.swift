import BulwarkCore
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

/// Gates on a server's sockets.
@Suite(.timeLimit(.minutes(1))) struct GateTests {
  /// A gate from a closure, which keeps how its permits were settled.
  private final class Gate: AdmissionGate {
    private let decide: @Sendable (Gate) -> Admission
    private let outcomes = Mutex([AdmissionOutcome]())
    private let firstSettled = Promise<AdmissionOutcome>()

    init(_ decide: @escaping @Sendable (Gate) -> Admission) { self.decide = decide }

    var settled: [AdmissionOutcome] { self.outcomes.withLock { $0 } }
    var outcome: AdmissionOutcome { get async throws { try await self.firstSettled.value() } }
    var permit: any AdmissionPermit { Permit(gate: self) }

    func admit(_ call: inout ArrivingCall) -> Admission { self.decide(self) }

    private struct Permit: AdmissionPermit {
      let gate: Gate

      func settle(_ outcome: AdmissionOutcome) {
        self.gate.outcomes.withLock { $0.append(outcome) }
        self.gate.firstSettled.complete(.success(outcome))
      }
    }
  }

  private func withServer(
    _ service: any RPCService,
    behind gates: [any AdmissionGate],
    _ body: (Client) async throws -> Void
  ) async throws {
    let server = Server(listening: .anyPort, gates: gates) { service }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await server.run() }
      try await withClient(of: try await server.listeningEndpoint, body)
      server.beginGracefulShutdown()
      try await tasks.waitForAll()
    }
  }

  @Test func aRejectedCallStartsNothingAndTellsWhenToComeBack() async throws {
    let gate = Gate { _ in
      .rejected(
        RPCError(
          code: .resourceExhausted,
          message: "closed",
          metadata: ["grpc-retry-pushback-ms": "250"],
          origin: .policy
        )
      )
    }
    let decoded = Counter()
    let service = CountingService(decoded: decoded)
    try await self.withServer(service, behind: [gate]) { client async throws in
      for _ in 0..<100 {
        let error = await #expect(throws: RPCError.self) { try await client.echo("x") }
        #expect(error?.code == .resourceExhausted && error?.message == "closed")
        #expect(error?.metadata["grpc-retry-pushback-ms"] == "250")
      }
      await #expect(throws: RPCError.self) {
        for try await _ in client.serverStreaming(ByteService.serverStream, .hold) {}
      }
    }
    #expect(decoded.value == 0)
  }

  @Test func aPermitIsSettledAfterTheHandlerHasReturned() async throws {
    let gate = Gate { .holding($0.permit) }
    let handler = HeldHandler()
    try await self.withServer(handler.service, behind: [gate]) { client async throws in
      let call = Task { try await client.echo("hold") }
      try await handler.hasStarted()
      #expect(gate.settled.isEmpty)
      handler.release()
      _ = try await call.value
      #expect(try await gate.outcome == .answered(.ok))
    }
    #expect(gate.settled == [.answered(.ok)])
  }

  @Test(arguments: [ByteService.unary, ByteService.serverStream])
  func aCallThatHasWaitedHoldsThePermitThatItWaitedFor(method: RPCMethod<ByteBuffer, ByteBuffer>) async throws
  {
    let turn = Promise<Void>()
    let arrived = Promise<Void>()
    let gate = Gate { gate in
      arrived.complete(.success(()))
      return .waiting { () throws(RPCError) in
        try? await turn.value()
        return gate.permit
      }
    }
    try await self.withServer(ByteService(), behind: [gate]) { client async throws in
      let call = Task {
        if method.descriptor.kind == .unary {
          _ = try await client.unary(method, .hold)
        } else {
          for try await _ in client.serverStreaming(method, .hold) {}
        }
      }
      try await arrived.value()
      turn.complete(.success(()))
      try await call.value
      #expect(try await gate.outcome == .answered(.ok))
    }
    #expect(gate.settled == [.answered(.ok)])
  }

  @Test func aWaitThatFailsIsTheStatusOfTheCall() async throws {
    let gate = Gate { _ in
      .waiting { () throws(RPCError) in throw RPCError(code: .resourceExhausted, message: "queue full") }
    }
    let handler = HeldHandler()
    try await self.withServer(handler.service, behind: [gate]) { client async throws in
      let error = await #expect(throws: RPCError.self) { try await client.echo("hold") }
      #expect(error?.message == "queue full")
    }
  }

  @Test(arguments: [true, false])
  func aWaitingCallLeavesWhenItsDeadlinePassesOrItsCallerGoes(isLate: Bool) async throws {
    let (arrived, left) = (Promise<Void>(), Promise<Void>())
    let gate = Gate { _ in
      .waiting { () throws(RPCError) in
        arrived.complete(.success(()))
        // Until the task is cancelled, as a queue does.
        _ = try? await Promise<Void>().value()
        left.complete(.success(()))
        return nil
      }
    }
    let service = ByteService(unary: { message, _ in
      Issue.record("the handler ran")
      return message
    })
    try await self.withServer(service, behind: [gate]) { client async throws in
      // Long enough for the gate to be reached on a busy machine.
      let call = Task {
        try await client.echo("x", options: CallOptions(timeout: isLate ? .seconds(2) : nil))
      }
      try await arrived.value()
      if !isLate { call.cancel() }
      let error = await #expect(throws: RPCError.self) { try await call.value }
      #expect(error?.code == (isLate ? .deadlineExceeded : .cancelled))
      try await left.value()
    }
  }
}

/// A service that counts what it decodes.
private struct CountingService: RPCService {
  let decoded: Counter

  private func counting(_ method: RPCMethod<ByteBuffer, ByteBuffer>) -> RPCMethod<ByteBuffer, ByteBuffer> {
    RPCMethod(
      method.descriptor,
      request: MessageCodec(encode: method.request.encode) { [decoded] (bytes) throws(RPCError) in
        decoded.increment()
        return bytes
      },
      response: method.response
    )
  }

  func register(in registry: inout ServiceRegistry) {
    registry.unary(self.counting(ByteService.unary)) { message, _ in message }
    registry.serverStreaming(self.counting(ByteService.serverStream)) { message, responses, _ in
      try await responses.write(message)
    }
  }
}
