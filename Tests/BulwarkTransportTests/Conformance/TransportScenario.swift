import BulwarkCore
import BulwarkInProcess
import BulwarkWire
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

/// A few calls of a service, and what their caller, their handlers and the gates saw of them.
struct TransportScenario: Sendable, CustomTestStringConvertible {
  /// What a scenario plays with.
  struct Stage: Sendable {
    let client: any CallInvoker
    let notes: Notes
  }

  let testDescription: String
  var limits = WireLimits()
  let services: @Sendable (Notes) -> ByteService
  let gates: @Sendable (Notes) -> [any AdmissionGate]
  let interceptors: @Sendable (Notes) -> [any Interceptor]
  let play: @Sendable (Stage) async throws -> Void

  init(
    _ name: String,
    services: @escaping @Sendable (Notes) -> ByteService = { _ in ByteService() },
    gates: @escaping @Sendable (Notes) -> [any AdmissionGate] = { _ in [] },
    interceptors: @escaping @Sendable (Notes) -> [any Interceptor] = { _ in [] },
    play: @escaping @Sendable (Stage) async throws -> Void
  ) {
    self.testDescription = name
    self.services = services
    self.gates = gates
    self.interceptors = interceptors
    self.play = play
  }

  /// The same with other bounds of the server and the client.
  func limited(_ change: (inout WireLimits) -> Void) -> Self {
    var copy = self
    change(&copy.limits)
    return copy
  }

  func overSocket() async throws -> [String] {
    let notes = Notes()
    var configuration = ServerConfiguration()
    configuration.limits = self.limits
    let server = Server(
      listening: .anyPort,
      configuration: configuration,
      gates: self.gates(notes),
      interceptors: self.interceptors(notes)
    ) { self.services(notes) }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await server.run() }
      var impatient = ClientConfiguration.impatient
      impatient.limits = self.limits
      try await withClient(of: try await server.listeningEndpoint, configuration: impatient) { client in
        try await self.play(Stage(client: client, notes: notes))
      }
      server.beginGracefulShutdown()
      try await tasks.waitForAll()
    }
    return notes.all
  }

  func inProcess() async throws -> [String] {
    let notes = Notes()
    let server = InProcessServer(
      limits: self.limits,
      gates: self.gates(notes),
      interceptors: self.interceptors(notes)
    ) { self.services(notes) }
    try await self.play(Stage(client: InProcessClient(to: server, limits: self.limits), notes: notes))
    await server.shutDown()
    return notes.all
  }
}

/// What was seen, in an order that does not depend on whose thread was first.
final class Notes: Sendable {
  private let bySource = Mutex([String: [String]]())

  /// Set when a handler has begun that says so.
  let firstHandler = Promise<Void>()

  func note(_ what: String, by source: String = "client") {
    self.bySource.withLock { $0[source, default: []].append(what) }
  }

  var all: [String] {
    self.bySource.withLock { notes in
      notes.sorted { $0.key < $1.key }.flatMap { source, notes in notes.map { "\(source): \($0)" } }
    }
  }
}

extension TransportScenario.Stage {
  /// Notes how an attempt ends.
  func note(_ what: String, _ body: () async throws -> String) async {
    do {
      self.notes.note("\(what): \(try await body())")
    } catch let error as RPCError {
      self.notes.note("\(what): \(error.transcript)")
    } catch {
      self.notes.note("\(what): \(error)")
    }
  }

  /// Notes how a unary call ends.
  func unary(
    _ text: String,
    _ method: RPCMethod<ByteBuffer, ByteBuffer> = ByteService.unary,
    options: CallOptions = CallOptions()
  ) async {
    await self.note("unary \(text.prefix(20))") {
      let response = try await self.client.unary(method, ByteBuffer(string: text), options: options)
      return
        "\(response.message.transcript) \(response.metadata.transcript) \(response.trailingMetadata.transcript)"
    }
  }

  /// Notes all that comes of a stream with one request.
  func stream(
    _ text: String,
    _ method: RPCMethod<ByteBuffer, ByteBuffer> = ByteService.serverStream,
    options: CallOptions = CallOptions()
  ) async {
    let stream = self.client.serverStreaming(method, ByteBuffer(string: text), options: options)
    await self.note("stream \(text.prefix(20))") { try await stream.transcript { self.notes.note($0) } }
    await self.note("begun") { try await stream.initialMetadata.transcript }
    self.notes.note("ended \(stream.trailingMetadata.transcript)")
  }
}

extension ResponseStream<ByteBuffer> {
  /// Notes each message to the end.
  func transcript(_ note: (String) -> Void) async throws -> String {
    for try await message in self { note(message.transcript) }
    return "end"
  }
}

extension ByteBuffer {
  var transcript: String {
    self.readableBytes > 40 ? "\(self.readableBytes) bytes" : "\"\(String(buffer: self))\""
  }
}

extension Metadata {
  /// All pairs but what HTTP clients say of themselves.
  var transcript: String {
    "[" + self.filter { $0.name != "user-agent" }.map { "\($0.name): \($0.value)" }.joined(separator: ", ")
      + "]"
  }
}

extension RPCError {
  var transcript: String {
    let message = self.message.utf8.count > 200 ? "\(self.message.utf8.count) bytes" : self.message
    return "\(self.code) \"\(message)\" \(self.metadata.transcript) \(self.origin)"
  }
}
