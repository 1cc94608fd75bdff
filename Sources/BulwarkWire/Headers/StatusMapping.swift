package import BulwarkCore
package import BulwarkHTTP2

/// What a client concludes when a response carries no `grpc-status`.
package enum StatusMapping {
  /// The code for an HTTP status (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
  /// Servers never use this table.
  package static func code(httpStatus: Int) -> StatusCode {
    switch httpStatus {
    case 400, 431: .internalError
    case 401: .unauthenticated
    case 403: .permissionDenied
    case 404: .unimplemented
    case 429, 502, 503, 504: .unavailable
    default: .unknown
    }
  }

  /// The code for a stream that the peer reset (gRPC over HTTP/2, "Errors").
  package static func code(reset: HTTP2ErrorCode) -> StatusCode {
    switch reset {
    case .refusedStream: .unavailable
    case .cancel: .cancelled
    case .enhanceYourCalm: .resourceExhausted
    case .inadequateSecurity: .permissionDenied
    default: .internalError
    }
  }
}
