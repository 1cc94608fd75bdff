/// Why the chain did not take an input. The service turns it into a status; the chain knows nothing of RPC.
struct ChainRefusal: Error, Hashable, Sendable {
  enum Reason: Hashable, Sendable {
    /// The input is wrong in itself; it names a field, the rule and the value.
    case invalidArgument
    /// The input does not fit the state of the chain.
    case failedPrecondition
    /// What it asks for is not there.
    case notFound
    /// Something else holds the identity that it claims.
    case alreadyExists
    /// It asks for heights that are not there yet, or not any more.
    case outOfRange
    /// A bound of this node is reached.
    case resourceExhausted
  }

  let reason: Reason
  let message: String

  /// The proof of misbehaviour, where the input was one.
  let evidence: Evidence?

  init(_ reason: Reason, _ message: String, evidence: Evidence? = nil) {
    self.reason = reason
    self.message = message
    self.evidence = evidence
  }

  /// A wrong field: `field problem`.
  static func invalid(_ field: String, _ problem: String) -> ChainRefusal {
    ChainRefusal(.invalidArgument, "\(field) \(problem)")
  }
}

/// Fails with INVALID_ARGUMENT unless the bytes have the only length that the field may have.
func requireLength(_ expected: Int, of bytes: [UInt8], _ field: String) throws(ChainRefusal) {
  guard bytes.count == expected else {
    throw .invalid(field, "must be \(expected) bytes, got \(bytes.count)")
  }
}

/// Fails with INVALID_ARGUMENT unless the count lies within the limit.
func requireAtMost(_ limit: Int, _ count: Int, _ unit: String, _ field: String) throws(ChainRefusal) {
  guard count <= limit else {
    throw .invalid(field, "must hold at most \(limit) \(unit), got \(count)")
  }
}
