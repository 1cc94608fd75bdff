import BulwarkCore
import BulwarkInProcess
import BulwarkProtobuf
import Testing

@testable import BulwarkServices

@Suite(.timeLimit(.minutes(1))) struct HealthTests {
  private let reporter = HealthReporter()
  private let health: HealthClient

  init() {
    self.health = Self.client(of: self.reporter)
  }

  private static func client(of reporter: HealthReporter) -> HealthClient {
    HealthClient(InProcessClient(to: InProcessServer { HealthService(reporter) }))
  }

  private func check(_ service: String) async throws -> HealthCheckResponse.ServingStatus {
    try await self.health.check(.with { $0.service = service }).status
  }

  private func watch(_ service: String) -> ResponseStream<HealthCheckResponse>.Iterator {
    self.health.watch(.with { $0.service = service }).makeAsyncIterator()
  }

  @Test func `The server as a whole and each of its services are serving from the start`() async throws {
    #expect(try await self.check("") == .serving)
    #expect(try await self.check("grpc.health.v1.Health") == .serving)
    self.reporter.set(.notServing)
    #expect(try await self.check("") == .notServing)
  }

  @Test func `A check of a service is answered with what was set last`() async throws {
    self.reporter.set(.notServing, for: "a.A")
    self.reporter.set(.serving, for: "b.B")
    #expect(try await self.check("a.A") == .notServing)
    #expect(try await self.check("b.B") == .serving)
    self.reporter.set(.serving, for: "a.A")
    #expect(try await self.check("a.A") == .serving)
  }

  @Test func `What was said of a service before its server was made holds`() async throws {
    let reporter = HealthReporter()
    reporter.set(.notServing, for: "grpc.health.v1.Health")
    let request = HealthCheckRequest.with { $0.service = "grpc.health.v1.Health" }
    #expect(try await Self.client(of: reporter).check(request).status == .notServing)
  }

  @Test func `A check of an unknown service is NOT_FOUND`() async throws {
    let unknown = await #expect(throws: RPCError.self) { try await self.check("a.A") }
    #expect(unknown?.code == .notFound)
    self.reporter.set(.serving, for: "a.A")
    self.reporter.remove("a.A")
    let removed = await #expect(throws: RPCError.self) { try await self.check("a.A") }
    #expect(removed?.code == .notFound)
  }

  @Test func `A hundred services are listed and one more is RESOURCE_EXHAUSTED`() async throws {
    for number in 1...98 { self.reporter.set(number == 7 ? .notServing : .serving, for: "s\(number)") }
    let statuses = try await self.health.list(HealthListRequest()).statuses
    #expect(statuses.count == 100)
    #expect(statuses.filter { $0.value.status == .notServing }.keys.sorted() == ["s7"])
    self.reporter.set(.serving, for: "s99")
    let error = await #expect(throws: RPCError.self) {
      try await self.health.list(HealthListRequest())
    }
    #expect(error?.code == .resourceExhausted)
  }

  @Test func `A watcher is told the status at once and each later one`() async throws {
    self.reporter.set(.serving, for: "a.A")
    var stream = self.watch("a.A")
    #expect(try await stream.next()?.status == .serving)
    self.reporter.set(.serving, for: "b.B")
    self.reporter.set(.notServing, for: "a.A")
    #expect(try await stream.next()?.status == .notServing)
    self.reporter.set(.serving, for: "a.A")
    #expect(try await stream.next()?.status == .serving)
    self.reporter.remove("a.A")
    #expect(try await stream.next()?.status == .serviceUnknown)
  }

  @Test func `A watcher of an unknown service is told when it becomes known`() async throws {
    var stream = self.watch("a.A")
    #expect(try await stream.next()?.status == .serviceUnknown)
    self.reporter.set(.serving, for: "a.A")
    #expect(try await stream.next()?.status == .serving)
  }

  @Test func `A watcher that has gone is forgotten`() async throws {
    let ended = Promise<Void>()
    let reporter = self.reporter
    let server = InProcessServer(interceptors: [EndOfCall(ended: ended)]) { HealthService(reporter) }
    let first = try await HealthClient(InProcessClient(to: server)).watch(HealthCheckRequest()).first {
      #expect(reporter.watcherCount == 1)
      return $0.status == .serving
    }
    #expect(first?.status == .serving)
    try await ended.value()
    #expect(reporter.watcherCount == 0)
  }

  @Test func `Before a server stops its watchers are told and let go`() async throws {
    self.reporter.set(.serving, for: "a.A")
    var known = self.watch("a.A")
    var unknown = self.watch("b.B")
    #expect(try await known.next()?.status == .serving)
    #expect(try await unknown.next()?.status == .serviceUnknown)
    self.reporter.drain()
    #expect(try await known.next()?.status == .notServing)
    let error = await #expect(throws: RPCError.self) { try await known.next() }
    #expect(error?.code == .unavailable)
    await #expect(throws: RPCError.self) { try await unknown.next() }
  }

  @Test func `Nothing is serving after a server has begun to stop`() async throws {
    self.reporter.drain()
    self.reporter.set(.serving, for: "a.A")
    #expect(try await self.check("a.A") == .notServing)
    #expect(try await self.check("") == .notServing)
    var late = self.watch("")
    #expect(try await late.next()?.status == .notServing)
    let error = await #expect(throws: RPCError.self) { try await late.next() }
    #expect(error?.code == .unavailable)
  }

  @Test func `A table tells what a service says of itself only while all is ready`() {
    var table = HealthTable()
    table.set(.notServing, for: "a.A")
    table.setReady(false, 1)
    table.setReady(false, 2)
    #expect(table.all == ["": .notServing, "a.A": .notServing])
    table.setReady(true, 1)
    #expect(table.status(of: "") == .notServing)
    table.setReady(true, 2)
    #expect(table.all == ["": .serving, "a.A": .notServing])
    #expect(table.status(of: "b.B") == nil)
  }
}

/// Says when the handler of a call has returned.
private struct EndOfCall: Interceptor {
  let ended: Promise<Void>

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    defer { self.ended.complete(.success(())) }
    return try await next(request)
  }
}
