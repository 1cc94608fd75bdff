public import struct NIOCore.ByteBuffer

extension CallInvoker {
  /// Makes a unary call and returns the response with its metadata.
  ///
  /// - Throws: ``RPCError``: the peer's status, or what kept the call from being answered.
  @inlinable
  public func unary<Request, Reply>(
    _ method: RPCMethod<Request, Reply>,
    _ request: Request,
    options: CallOptions = CallOptions()
  ) async throws(RPCError) -> Response<Reply> {
    let answer = try await self.unary(method.descriptor, method.request.encoded(request), options)
    return Response(
      message: try method.response.decode(answer.message),
      metadata: answer.metadata,
      trailingMetadata: answer.trailingMetadata,
      compression: answer.compression
    )
  }

  /// Starts a call of one request and many responses. It is cancelled when the returned stream is let go.
  public func serverStreaming<Request, Reply>(
    _ method: RPCMethod<Request, Reply>,
    _ request: Request,
    options: CallOptions = CallOptions()
  ) -> ResponseStream<Reply> {
    do throws(RPCError) {
      let message = try method.request.encoded(request)
      return ResponseStream(self.stream(method.descriptor, options, onlyRequest: message), method.response)
    } catch {
      return ResponseStream(FailedClientStream(error: error), method.response)
    }
  }

  /// Makes a call of many requests and one response.
  ///
  /// The requests are written in `body`; when it returns the sending half ends and the response is awaited. If
  /// it throws, the call is cancelled and the error rethrown. A write that fails because the server answered
  /// early is not an error of the call: the server's answer is what counts.
  public func clientStreaming<Request, Reply>(
    _ method: RPCMethod<Request, Reply>,
    options: CallOptions = CallOptions(),
    _ body: (RequestWriter<Request>) async throws -> Void
  ) async throws -> Response<Reply> {
    let stream = self.stream(method.descriptor, options, onlyRequest: nil)
    defer { stream.cancel() }
    do {
      try await body(RequestWriter(stream, method.request))
    } catch is RPCError where stream.hasEnded {
      // The server has answered before the body was through; reading says what.
    }
    stream.finishRequests()
    guard let message = try await stream.next() else {
      throw RPCError(code: .unimplemented, message: "the server ended the call without a response message")
    }
    let compression = stream.latestCompression
    let metadata = try await stream.initialMetadata()
    guard try await stream.next() == nil else {
      throw RPCError(code: .unimplemented, message: "the server sent more than one response message")
    }
    return Response(
      message: try method.response.decode(message),
      metadata: metadata,
      trailingMetadata: stream.trailingMetadata,
      compression: compression
    )
  }

  /// Makes a call of many requests and many responses.
  ///
  /// The call lives as long as `body`: when it returns or throws, what is left of the call is cancelled.
  public func bidirectional<Request, Reply, Result>(
    _ method: RPCMethod<Request, Reply>,
    options: CallOptions = CallOptions(),
    _ body: (RequestWriter<Request>, ResponseStream<Reply>) async throws -> Result
  ) async throws -> Result {
    let stream = self.stream(method.descriptor, options, onlyRequest: nil)
    defer { stream.cancel() }
    return try await body(RequestWriter(stream, method.request), ResponseStream(stream, method.response))
  }
}
