import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// What is generated for one method of a service.
struct MethodPlan {
  let method: MethodDescriptor

  /// The name as it is written in source.
  let name: String

  /// The Swift types of the messages.
  let request: String
  let response: String

  /// Whether the handler runs on the global executor.
  let isOffLoop: Bool

  var documentation: [String] {
    Comments.lines(of: self.method, isDeprecated: self.method.options.deprecated)
  }

  /// The method's `CallKind`.
  var kind: String {
    switch (self.method.clientStreaming, self.method.serverStreaming) {
    case (false, false): "unary"
    case (true, false): "clientStreaming"
    case (false, true): "serverStreaming"
    case (true, true): "bidirectional"
    }
  }

  /// What the method's descriptor says beside names and kind.
  var idempotency: String {
    switch self.method.options.idempotencyLevel {
    case .idempotencyUnknown: ""
    case .noSideEffects: ", idempotency: .noSideEffects"
    case .idempotent: ", idempotency: .idempotent"
    }
  }

  // MARK: - Server

  /// Where the handler runs, as an argument of its registration.
  var execution: String { self.isOffLoop ? "execution: .offLoop, " : "" }

  /// The function of `ServiceRegistry` that registers the method.
  var registration: String { self.kind }

  /// The method of the server's protocol, as a function.
  var handler: String {
    let labels = self.method.serverStreaming ? "_:to:context:" : "_:context:"
    return "self.\(self.name)(\(labels))"
  }

  var serverParameters: String {
    let requests =
      self.method.clientStreaming
      ? "_ requests: BulwarkCore.RequestStream<\(self.request)>" : "_ request: \(self.request)"
    let responses = "to responses: BulwarkCore.ResponseWriter<\(self.response)>"
    return (self.method.serverStreaming ? [requests, responses] : [requests])
      .joined(separator: ", ") + ", context: BulwarkCore.CallContext"
  }

  var serverResult: String { self.method.serverStreaming ? "" : " -> \(self.response)" }

  // MARK: - Client

  var clientSignature: String {
    let options =
      "timeout: Swift.Duration? = nil, options: BulwarkCore.CallOptions = BulwarkCore.CallOptions()"
    let writer = "BulwarkCore.RequestWriter<\(self.request)>"
    let stream = "BulwarkCore.ResponseStream<\(self.response)>"
    switch (self.method.clientStreaming, self.method.serverStreaming) {
    case (false, false):
      return
        "\(self.name)(_ request: \(self.request), \(options)) async throws(BulwarkCore.RPCError) -> \(self.response)"
    case (false, true):
      return "\(self.name)(_ request: \(self.request), \(options)) -> \(stream)"
    case (true, false):
      return
        "\(self.name)(\(options), _ body: (\(writer)) async throws -> Void) async throws -> \(self.response)"
    case (true, true):
      return
        "\(self.name)<ReturnValue>(\(options), _ body: (\(writer), \(stream)) async throws -> ReturnValue) async throws -> ReturnValue"
    }
  }

  func clientCall(_ method: String, _ options: String) -> String {
    switch (self.method.clientStreaming, self.method.serverStreaming) {
    case (false, false): "try await self.invoker.unary(\(method), request, \(options)).message"
    case (false, true): "self.invoker.serverStreaming(\(method), request, \(options))"
    case (true, false): "try await self.invoker.clientStreaming(\(method), \(options), body).message"
    case (true, true): "try await self.invoker.bidirectional(\(method), \(options), body)"
    }
  }
}
