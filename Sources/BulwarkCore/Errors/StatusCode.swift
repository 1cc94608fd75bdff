/// A gRPC status code (https://grpc.io/docs/guides/status-codes/).
///
/// A code received as a number that is none of these is ``unknown``.
public struct StatusCode: Hashable, Sendable, CustomStringConvertible {
  /// The number that travels in `grpc-status`, 0 to 16.
  public let rawValue: UInt8

  private init(_ rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// The code of this number; anything outside 0 to 16 is ``unknown``.
  public init(wireValue: Int) {
    self.rawValue = (0...16).contains(wireValue) ? UInt8(wireValue) : 2
  }

  /// The call succeeded.
  public static let ok = StatusCode(0)
  /// The caller cancelled the call.
  public static let cancelled = StatusCode(1)
  /// An error that fits no other code, or one whose code is not known here.
  public static let unknown = StatusCode(2)
  /// The request is wrong whatever the state of the system.
  public static let invalidArgument = StatusCode(3)
  /// The time for the call ran out before it ended; it may still have had an effect.
  public static let deadlineExceeded = StatusCode(4)
  /// Something that the request names does not exist.
  public static let notFound = StatusCode(5)
  /// Something that the request would create exists already.
  public static let alreadyExists = StatusCode(6)
  /// The caller is known and may not do this.
  public static let permissionDenied = StatusCode(7)
  /// A quota, a limit or some memory is used up.
  public static let resourceExhausted = StatusCode(8)
  /// The system is not in the state that the request needs; do not retry until it has been changed.
  public static let failedPrecondition = StatusCode(9)
  /// The call lost a race (a transaction, a compare-and-set); retry at a higher level.
  public static let aborted = StatusCode(10)
  /// The request went past a valid range.
  public static let outOfRange = StatusCode(11)
  /// The method, or a feature of it, is not there.
  public static let unimplemented = StatusCode(12)
  /// An invariant of the system or of the protocol is broken.
  public static let internalError = StatusCode(13)
  /// The service cannot be reached now; retrying with backoff is right.
  public static let unavailable = StatusCode(14)
  /// Data is lost or corrupt beyond repair.
  public static let dataLoss = StatusCode(15)
  /// The caller gave no valid credentials.
  public static let unauthenticated = StatusCode(16)

  private static let names = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
  ]

  /// The code's name as gRPC writes it, for example `DEADLINE_EXCEEDED`.
  public var description: String { Self.names[Int(self.rawValue)] }
}
