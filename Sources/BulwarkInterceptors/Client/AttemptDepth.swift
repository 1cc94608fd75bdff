import BulwarkCore

/// How many repeated attempts a call stands at the end of, over all hops: what a client inside a handler passes on, so
/// that a chain of services does not multiply its retries.
enum AttemptDepth {
  static let previousAttemptsKey = "grpc-previous-rpc-attempts"
  static let key = "bulwark-attempt-depth"

  /// The depth of the call that this task serves: what came with it, and its own repetitions. Zero outside handlers.
  static var ofCurrentCall: Int {
    guard let metadata = CallContext.current?.metadata, !metadata.isEmpty else { return 0 }
    return self.number(metadata[self.key]) + self.number(metadata[self.previousAttemptsKey])
  }

  static func set(_ depth: Int, on metadata: inout Metadata) {
    metadata.removeAll(for: self.key)
    metadata.add("\(depth)", for: self.key)
  }

  /// A peer's number, which may be anything.
  private static func number(_ text: String?) -> Int { Int(text.flatMap(UInt16.init) ?? 0) }
}
