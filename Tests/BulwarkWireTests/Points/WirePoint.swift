import Testing

extension Tag {
  /// A rule of gRPC over HTTP/2 that implementations are known to get wrong. Each test says which of the 24.
  @Tag static var wirePoint: Self
}
