/// How one address of a list is chosen: gRPC's `pick_first`.
public struct PickFirstOptions: Hashable, Sendable {
  /// Whether each list is put into an order of chance before it is used, so that the clients of one list spread over
  /// its servers (gRFC A62). Default false.
  public var shuffleAddressList: Bool
  /// How long one attempt to connect runs alone before the next address is tried beside it: the connection attempt
  /// delay of RFC 8305 section 5. Default 250 ms; 100 ms to 2 s, the bounds that the RFC recommends.
  public var connectionAttemptDelay: Duration

  /// The options; the defaults are those of gRFC A61 and A62.
  public init(shuffleAddressList: Bool = false, connectionAttemptDelay: Duration = .milliseconds(250)) {
    self.shuffleAddressList = shuffleAddressList
    self.connectionAttemptDelay = connectionAttemptDelay
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidBalancingOption`` for the first that is out of range.
  public func validate() throws(InvalidBalancingOption) {
    try OptionCheck.range(
      "connectionAttemptDelay",
      self.connectionAttemptDelay,
      in: .milliseconds(100) ... .seconds(2)
    )
  }
}
