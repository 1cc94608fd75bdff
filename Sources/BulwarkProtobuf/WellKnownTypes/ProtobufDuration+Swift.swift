extension ProtobufDuration {
  /// Creates the message of a duration; what is finer than a nanosecond is dropped.
  ///
  /// Both fields have the sign of the duration, as duration.proto asks for.
  public init(_ duration: Duration) {
    self.init()
    self.seconds = duration.components.seconds
    self.nanos = Int32(truncatingIfNeeded: duration.components.attoseconds / 1_000_000_000)
  }
}

extension Duration {
  /// Creates the duration of a message: the sum of its two fields, whatever their signs and sizes are.
  public init(_ message: ProtobufDuration) {
    self = .seconds(message.seconds) + .nanoseconds(Int64(message.nanos))
  }
}
