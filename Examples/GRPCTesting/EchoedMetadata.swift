/// The metadata that an interop server sends back.
public enum EchoedMetadata {
  /// A text that comes back as initial metadata.
  public static let initial = "x-grpc-test-echo-initial"
  /// Bytes that come back as trailing metadata.
  public static let trailing = "x-grpc-test-echo-trailing-bin"
}
