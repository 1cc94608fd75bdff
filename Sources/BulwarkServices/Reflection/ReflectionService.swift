public import BulwarkCore
import BulwarkProtobuf

/// `grpc.reflection.v1.ServerReflection`, and v1alpha for older clients: tells tools such as grpcurl which services the
/// server has, and their .proto files (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md).
///
///     let server = Server(listening: .tcp(host: "127.0.0.1", port: 50051)) {
///       Validator()
///       ReflectionService()
///     }
///
/// It tells of all services of its server, wherever it stands among them, and of each .proto file that generated code
/// has a ``ProtoFile`` for. A service that was registered without one is listed and not described. The files are
/// read when a client asks first. Whoever can call the server can read them: leave it out where that is too much.
public struct ReflectionService: RPCService {
  /// Creates the service.
  public init() {}

  public func register(in registry: inout ServiceRegistry) {
    let handlers = ReflectionHandlers(schema: ServedSchema())
    // The first question reads every file, which takes longer than a connection's loop should stand still.
    handlers.offLoop(ServerReflectionMethods.serverReflectionInfo.descriptor).register(in: &registry)
    AlphaReflection(handlers: handlers)
      .offLoop(AlphaReflection.method.descriptor).register(in: &registry)
    registry.whenComplete { registry in handlers.schema.set(registry) }
  }
}

/// The same service under its older name. The messages are the same in all but their package, which no byte holds.
private struct AlphaReflection: RPCService {
  static let method = RPCMethod<ServerReflectionRequest, ServerReflectionResponse>(
    V1AlphaServerReflectionMethods.serverReflectionInfo.descriptor,
    request: .protobuf,
    response: .protobuf
  )

  let handlers: ReflectionHandlers

  func register(in registry: inout ServiceRegistry) {
    registry.bidirectional(Self.method, self.handlers.serverReflectionInfo(_:to:context:))
    registry.describe(Self.method.descriptor.service, in: .grpcReflectionV1alphaReflection)
  }
}

struct ReflectionHandlers: ServerReflection {
  let schema: ServedSchema

  func serverReflectionInfo(
    _ requests: RequestStream<ServerReflectionRequest>,
    to responses: ResponseWriter<ServerReflectionResponse>,
    context: CallContext
  ) async throws {
    for try await request in requests {
      try await responses.write(self.answer(request))
    }
  }

  private func answer(_ request: ServerReflectionRequest) -> ServerReflectionResponse {
    .with {
      $0.validHost = request.host
      $0.originalRequest = request
      $0.messageResponse = self.answer(request.messageRequest)
    }
  }

  private func answer(
    _ question: ServerReflectionRequest.MessageRequest?
  ) -> ServerReflectionResponse.MessageResponse {
    switch question {
    case .fileByFilename(let name):
      return self.files(self.schema.index.descriptors(named: name), "file \"\(name)\"")
    case .fileContainingSymbol(let symbol):
      return self.files(self.schema.index.descriptors(declaring: symbol), "symbol \"\(symbol)\"")
    case .fileContainingExtension(let wanted):
      let (message, number) = (wanted.containingType, wanted.extensionNumber)
      let files = self.schema.index.descriptors(extending: message, with: number)
      return self.files(files, "extension \(number) of \"\(message)\"")
    case .allExtensionNumbersOfType(let message):
      guard let numbers = self.schema.index.extensionNumbers(of: message) else {
        return self.error(.notFound, "there is no message \"\(message)\"")
      }
      return .allExtensionNumbersResponse(
        .with {
          $0.baseTypeName = message
          $0.extensionNumber = numbers
        }
      )
    case .listServices:
      let services = self.schema.services.map { name in ServiceResponse.with { $0.name = name } }
      return .listServicesResponse(.with { $0.service = services })
    case nil:
      return self.error(.invalidArgument, "the request asks nothing that this server knows")
    }
  }

  private func files(_ found: [[UInt8]]?, _ wanted: String) -> ServerReflectionResponse.MessageResponse {
    guard let found else { return self.error(.notFound, "there is no \(wanted)") }
    return .fileDescriptorResponse(.with { $0.fileDescriptorProto = found })
  }

  private func error(_ code: StatusCode, _ message: String) -> ServerReflectionResponse.MessageResponse {
    .errorResponse(
      .with {
        $0.errorCode = Int32(code.rawValue)
        $0.errorMessage = message
      }
    )
  }
}
