import BulwarkCore
import BulwarkInProcess
import BulwarkProtobuf
import Testing

@testable import BulwarkServices

@Suite(.timeLimit(.minutes(1))) struct ReflectionTests {
  /// A service that was registered without a .proto file.
  private struct Undescribed: RPCService {
    func register(in registry: inout ServiceRegistry) {
      let method = MethodDescriptor(service: "raw.Raw", method: "Call", kind: .unary)
      registry.register(method, handler: .unary { message, _ in message })
    }
  }

  private static let alpha = RPCMethod<ServerReflectionRequest, ServerReflectionResponse>(
    MethodDescriptor(
      service: "grpc.reflection.v1alpha.ServerReflection",
      method: "ServerReflectionInfo",
      kind: .bidirectional
    ),
    request: .protobuf,
    response: .protobuf
  )

  private let client = InProcessClient(
    to: InProcessServer {
      ReflectionService()
      HealthService()
      Undescribed()
    }
  )

  /// The answers to a stream of these questions.
  private func answers(
    _ requests: [ServerReflectionRequest],
    _ method: RPCMethod<ServerReflectionRequest, ServerReflectionResponse> = ServerReflectionMethods
      .serverReflectionInfo
  ) async throws -> [ServerReflectionResponse] {
    try await self.client.bidirectional(method) { writer, responses in
      try await writer.write(contentsOf: requests)
      writer.finish()
      return try await responses.reduce(into: []) { $0.append($1) }
    }
  }

  private func ask(
    _ question: ServerReflectionRequest.MessageRequest?,
    _ method: RPCMethod<ServerReflectionRequest, ServerReflectionResponse> = ServerReflectionMethods
      .serverReflectionInfo
  ) async throws -> ServerReflectionResponse {
    let request = ServerReflectionRequest.with {
      $0.host = "h"
      $0.messageRequest = question
    }
    let answers = try await self.answers([request], method)
    let answer = try #require(answers.first)
    #expect(answers.count == 1 && answer.validHost == "h" && answer.originalRequest == request)
    return answer
  }

  /// The names of the files that come in answer to a question.
  private func files(_ question: ServerReflectionRequest.MessageRequest) async throws -> [String?] {
    guard case .fileDescriptorResponse(let files) = try await self.ask(question).messageResponse else {
      return []
    }
    return try files.fileDescriptorProto.map { try FileDescriptorProto(serializedBytes: $0).name }
  }

  private func errorCode(_ question: ServerReflectionRequest.MessageRequest?) async throws -> Int32? {
    guard case .errorResponse(let error) = try await self.ask(question).messageResponse else { return nil }
    #expect(!error.errorMessage.isEmpty)
    return error.errorCode
  }

  @Test(arguments: [ServerReflectionMethods.serverReflectionInfo.descriptor, Self.alpha.descriptor])
  func `All services of the server are listed, in both versions`(method: MethodDescriptor) async throws {
    let typed = RPCMethod<ServerReflectionRequest, ServerReflectionResponse>(
      method,
      request: .protobuf,
      response: .protobuf
    )
    guard case .listServicesResponse(let list) = try await self.ask(.listServices("*"), typed).messageResponse
    else {
      Issue.record("no list")
      return
    }
    #expect(
      list.service.map(\.name) == [
        "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection", "raw.Raw",
      ]
    )
  }

  @Test(arguments: [
    "grpc.health.v1.Health", "grpc.health.v1.Health.Check", "grpc.health.v1.HealthCheckRequest",
    "grpc.health.v1.HealthCheckRequest.service", "grpc.health.v1.HealthCheckResponse.ServingStatus",
    "grpc.health.v1.HealthCheckResponse.SERVICE_UNKNOWN", "grpc.health.v1.HealthListResponse.StatusesEntry",
  ])
  func `A symbol of any kind leads to its file`(symbol: String) async throws {
    #expect(try await self.files(.fileContainingSymbol(symbol)) == ["grpc/health/v1/health.proto"])
  }

  @Test func `A oneof is a symbol, and both versions have their own file`() async throws {
    for version in ["v1", "v1alpha"] {
      let symbol = "grpc.reflection.\(version).ServerReflectionRequest.message_request"
      #expect(
        try await self.files(.fileContainingSymbol(symbol)) == ["grpc/reflection/\(version)/reflection.proto"]
      )
    }
  }

  @Test func `A file is found by its name, as protoc described it`() async throws {
    guard
      case .fileDescriptorResponse(let files) =
        try await self.ask(.fileByFilename("grpc/health/v1/health.proto")).messageResponse
    else {
      Issue.record("no file")
      return
    }
    let file = try FileDescriptorProto(serializedBytes: try #require(files.fileDescriptorProto.first))
    #expect(file.package == "grpc.health.v1" && file.syntax == "proto3")
    #expect(file.service.first?.method.map(\.name) == ["Check", "List", "Watch"])
    #expect(file.sourceCodeInfo == nil)
  }

  @Test func `What is not there is NOT_FOUND`() async throws {
    #expect(try await self.errorCode(.fileByFilename("no.proto")) == 5)
    #expect(try await self.errorCode(.fileContainingSymbol("grpc.health.v1.Sickness")) == 5)
    #expect(try await self.errorCode(.fileContainingSymbol("raw.Raw")) == 5)
    #expect(try await self.errorCode(.allExtensionNumbersOfType("grpc.health.v1.Sickness")) == 5)
    let wanted = ExtensionRequest.with { $0.containingType = "grpc.health.v1.HealthCheckRequest" }
    #expect(try await self.errorCode(.fileContainingExtension(wanted)) == 5)
  }

  @Test func `A question that nobody knows is INVALID_ARGUMENT, and the stream goes on`() async throws {
    #expect(try await self.errorCode(nil) == 3)
  }

  @Test func `A message that nobody extends has no extensions`() async throws {
    let message = "grpc.health.v1.HealthCheckRequest"
    let answer = try await self.ask(.allExtensionNumbersOfType(message)).messageResponse
    #expect(answer == .allExtensionNumbersResponse(.with { $0.baseTypeName = message }))
  }

  @Test func `Each question of a stream is answered in turn`() async throws {
    let answers = try await self.answers([
      .with { $0.messageRequest = .fileByFilename("no.proto") },
      .with { $0.messageRequest = .listServices("") },
    ])
    guard
      case (.errorResponse?, .listServicesResponse?)? = answers.count == 2
        ? (answers[0].messageResponse, answers[1].messageResponse) : nil
    else {
      Issue.record("\(answers)")
      return
    }
  }
}
