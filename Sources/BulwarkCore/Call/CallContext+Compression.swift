extension CallContext {
  /// What the client can read.
  public var acceptedCompression: CompressionAlgorithms { self.outcomeHolder.compression.accepted }

  /// What the request of a unary call was compressed with. A stream says it of each of its requests:
  /// ``RequestStream/latestCompression``.
  public var requestCompression: CompressionAlgorithm { self.outcomeHolder.compression.request }

  /// What the responses are compressed with: the server's default, or what the handler has chosen.
  public var responseCompression: CompressionAlgorithm { self.outcomeHolder.compression.responses }

  /// Has the responses compressed with this algorithm, however small they are; with none if the client does not read it.
  ///
  /// Without effect once the first response was written. A single message is left out with
  /// ``ResponseWriter/write(_:compressed:)``.
  public func compressResponses(with algorithm: CompressionAlgorithm) {
    self.outcomeHolder.compression.choose(algorithm)
  }

  /// Says what the call has begun with, before its handler: what its client reads, and what its responses are compressed
  /// with unless the handler chooses, or the client does not read it.
  package func beginCompression(accepted: CompressionAlgorithms, responses: CompressionAlgorithm) {
    self.compression.begin(accepted: accepted, responses: responses)
  }

  /// Says what the request of a unary call was compressed with, before its handler.
  package func noteRequest(compression: CompressionAlgorithm) {
    self.compression.noteRequest(compression)
  }

  /// What the responses are compressed with, which cannot be changed any more, and whether the handler asked for it.
  package func settleCompression() -> (algorithm: CompressionAlgorithm, isExplicit: Bool) {
    if let origin = self.origin { return origin.settleCompression() }
    return self.compression.settle()
  }
}
