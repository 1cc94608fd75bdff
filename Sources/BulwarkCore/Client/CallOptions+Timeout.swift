extension CallOptions {
  /// The same options with another timeout, or unchanged if that is nil. For generated clients.
  public func with(timeout: Duration?) -> CallOptions {
    guard let timeout else { return self }
    var options = self
    options.timeout = timeout
    return options
  }
}
