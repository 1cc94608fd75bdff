import BulwarkCore
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkInProcess

/// Deadlines and the end of a server, on virtual time.
@Suite(.timeLimit(.minutes(1))) struct InProcessTimeTests {
  private let clock = VirtualClock()
  private let holder = Holder()
  private let server: InProcessServer
  private let client: InProcessClient

  init() {
    let holder = self.holder
    self.server = InProcessServer(clock: self.clock.callClock) { holder }
    self.client = InProcessClient(to: self.server)
  }

  @Test func `A call ends at its deadline and not before`() async throws {
    let call = Task { try await self.client.hold(for: .seconds(5)) }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(4))
    #expect(self.server.runningCalls == 1)
    self.clock.advance(by: .seconds(1))
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .deadlineExceeded)
    #expect(error?.origin == .local)
    #expect(try await self.holder.end.value() == "cancelled")
  }

  @Test func `Each of several calls ends at its own deadline`() async throws {
    let late = Task.immediate { try await self.client.hold(for: .seconds(50)) }
    let early = Task.immediate { try await self.client.hold(for: .seconds(5)) }
    self.clock.advance(by: .seconds(5))
    await #expect(throws: RPCError.self) { try await early.value }
    self.clock.advance(by: .seconds(44))
    let later = Task.immediate { try await self.client.hold(for: .seconds(50)) }
    self.clock.advance(by: .seconds(1))
    await #expect(throws: RPCError.self) { try await late.value }
    self.clock.advance(by: .seconds(49))
    await #expect(throws: RPCError.self) { try await later.value }
  }

  @Test func `An answer that comes behind the deadline is none`() async throws {
    let clock = self.clock
    let server = InProcessServer(clock: clock.callClock) {
      Answering { request in
        clock.advance(by: .seconds(6))
        return request
      }
    }
    let error = await #expect(throws: RPCError.self) {
      try await InProcessClient(to: server).unary(
        Holder.hold,
        ByteBuffer(),
        options: CallOptions(timeout: .seconds(5))
      )
    }
    #expect(error?.code == .deadlineExceeded)
  }

  @Test func `A server that stops lets its calls end, and takes no new ones`() async throws {
    let call = Task { try await self.client.hold() }
    try await self.holder.started.value()
    let stop = Task { await self.server.shutDown() }
    await self.clock.waitForSleepers()
    let refused = await #expect(throws: RPCError.self) { try await self.client.hold() }
    #expect(refused?.code == .unavailable)
    self.holder.release.complete(.success(()))
    #expect(try await call.value == "held")
    await stop.value
    #expect(self.server.runningCalls == 0)
  }

  @Test func `Calls that outlast the grace of a stop are cancelled with UNAVAILABLE`() async throws {
    let call = Task { try await self.client.hold() }
    try await self.holder.started.value()
    let stop = Task { await self.server.shutDown(within: .seconds(10)) }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(10))
    await stop.value
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .unavailable)
    #expect(try await self.holder.end.value() == "cancelled")
  }

  @Test func `A stop gives handlers up that do not end`() async throws {
    let started = Promise<Void>()
    let never = Promise<Void>()
    let server = InProcessServer(clock: self.clock.callClock) {
      Answering { request in
        started.complete(.success(()))
        // Deaf to cancellation.
        await Task.detached { try? await never.value() }.value
        return request
      }
    }
    let call = Task { try await InProcessClient(to: server).unary(Holder.hold, ByteBuffer()) }
    try await started.value()
    let stop = Task { await server.shutDown(within: .seconds(10), abortTimeout: .seconds(5)) }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(10))
    await #expect(throws: RPCError.self) { try await call.value }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(5))
    await stop.value
    #expect(server.runningCalls == 1)
    never.complete(.success(()))
  }

  @Test func `A cancelled stop does not wait for the calls`() async throws {
    let call = Task { try await self.client.hold() }
    try await self.holder.started.value()
    let stop = Task { await self.server.shutDown() }
    await self.clock.waitForSleepers()
    stop.cancel()
    await stop.value
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .unavailable)
  }
}
