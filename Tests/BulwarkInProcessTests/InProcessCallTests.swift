import BulwarkCore
import NIOCore
import Synchronization
import Testing

@testable import BulwarkInProcess

/// What is particular to calls in memory; what they share with calls over a socket is compared in the tests of that.
@Suite(.timeLimit(.minutes(1))) struct InProcessCallTests {
  @Test func `A handler begins on its caller's thread, before the call returns`() async throws {
    let began = Atomic(false)
    let never = Promise<Void>()
    let server = InProcessServer {
      Answering { request in
        began.store(true, ordering: .relaxed)
        try await never.value()
        return request
      }
    }
    let stream = InProcessClient(to: server).stream(
      Holder.hold.descriptor,
      CallOptions(),
      onlyRequest: ByteBuffer()
    )
    let hasBegun = began.load(ordering: .relaxed)
    #expect(hasBegun)
    stream.cancel()
    let error = await #expect(throws: RPCError.self) { try await stream.next() }
    #expect(error?.code == .cancelled)
  }

  @Test func `Handlers that call each other in a ring do not use up a stack`() async throws {
    let ring = Ring()
    let client = InProcessClient(to: InProcessServer { ring })
    ring.client.complete(.success(client))
    let response = try await client.unary(Holder.hold, ByteBuffer(integer: 20_000 as Int64))
    #expect(response.message.getInteger(at: 0, as: Int64.self) == 0)
  }

  @Test func `A handler knows none of its caller's task-locals, and knows the peer that the client says`()
    async throws
  {
    let server = InProcessServer {
      Answering { _ in
        ByteBuffer(string: "\(Local.value) \(CallContext.current?.peer.address ?? "-")")
      }
    }
    let client = InProcessClient(to: server, as: Peer(address: "inproc:/me"))
    let response = try await Local.$value.withValue(7) {
      try await client.unary(Holder.hold, ByteBuffer())
    }
    #expect(String(buffer: response.message) == "0 inproc:/me")
  }

  @Test func `Servers have names, by which clients tell them apart`() {
    let server = InProcessServer(named: "node-3") {}
    #expect(InProcessClient(to: server).peer == Peer(address: "inproc:/node-3"))
    #expect(InProcessServer {}.peer == Peer(address: "inproc:/services"))
  }

  @Test func `A fatal finding of the policies fails each call, which says it`() async throws {
    let method = Holder.hold.descriptor
    let finding = ProtectionFinding(isFatal: true, method: method, message: "that does not go together")
    let server = InProcessServer(policies: Findings(all: [finding])) { Holder() }
    #expect(server.findings.count == 1)
    let error = await #expect(throws: RPCError.self) { try await InProcessClient(to: server).hold() }
    #expect(error?.code == .internalError)
    #expect(error?.message.contains("that does not go together") == true)
  }

  @Test func `A stopping server tells its services before it waits for their calls`() async throws {
    let service = Draining()
    let server = InProcessServer { service }
    let call = Task { try await InProcessClient(to: server).hold() }
    try await service.held.started.value()
    await server.shutDown()
    #expect(try await call.value == "held")
  }
}

private enum Local {
  @TaskLocal static var value = 0
}

/// Calls itself as often as the request says.
private final class Ring: RPCService {
  let client = Promise<InProcessClient>()

  func register(in registry: inout ServiceRegistry) {
    registry.unary(Holder.hold) { request, _ in
      guard let count = request.getInteger(at: 0, as: Int64.self), count > 0 else { return request }
      return try await self.client.value().unary(Holder.hold, ByteBuffer(integer: count - 1)).message
    }
  }
}

/// Lets its calls go when its server begins to stop.
private struct Draining: RPCService {
  let held = Holder()

  func register(in registry: inout ServiceRegistry) {
    self.held.register(in: &registry)
    registry.onDrain { [held] in held.release.complete(.success(())) }
  }
}

/// A protection that does nothing but find something.
private struct Findings: CallProtection {
  struct Open: AdmissionGate {
    func applies(to method: MethodDescriptor) -> Bool { false }
    func admit(_ call: inout ArrivingCall) -> Admission { .admitted }
  }

  struct Nothing: Interceptor {
    func applies(to method: MethodDescriptor) -> Bool { false }
    func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
      try await next(request)
    }
  }

  let all: [ProtectionFinding]
  var gate: any AdmissionGate { Open() }
  var serverInterceptor: any Interceptor { Nothing() }
  func clientInterceptor(to target: String) -> any Interceptor { Nothing() }
  func findings(for methods: [MethodDescriptor], streamLimit: Int?) -> [ProtectionFinding] { self.all }
}
