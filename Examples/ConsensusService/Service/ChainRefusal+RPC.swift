import Bulwark
import BulwarkProtobuf

extension RPCError {
  /// The trailing metadata that carries a serialized `Evidence`.
  static let evidenceKey = "evidence-bin"

  /// The status of a refusal; evidence travels in the trailing metadata as `evidence-bin`.
  init(_ refusal: ChainRefusal) {
    var metadata = Metadata()
    if let evidence = try? refusal.evidence?.serializedBytes() {
      metadata.add(binary: evidence, for: Self.evidenceKey)
    }
    self.init(code: refusal.reason.statusCode, message: refusal.message, metadata: metadata)
  }
}

extension ChainRefusal.Reason {
  fileprivate var statusCode: StatusCode {
    switch self {
    case .invalidArgument: .invalidArgument
    case .failedPrecondition: .failedPrecondition
    case .notFound: .notFound
    case .alreadyExists: .alreadyExists
    case .outOfRange: .outOfRange
    case .resourceExhausted: .resourceExhausted
    }
  }
}
