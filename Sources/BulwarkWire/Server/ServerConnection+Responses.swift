public import BulwarkCore
public import BulwarkHTTP2
public import struct NIOCore.ByteBuffer

// What the holder of a call does to it. Each function is without effect on a call that is over.
extension ServerConnection {
  /// Answers a unary call.
  ///
  /// - Parameter isCompressed: whether the message was compressed, with what the call's context has settled on.
  public func respond(_ id: HTTP2StreamID, _ message: ByteBuffer, isCompressed: Bool = false) {
    guard let stream = self.unansweredStream(id) else { return }
    if let error = self.sendHeaders(stream) ?? self.sendData(stream, message, isCompressed) {
      self.fail(stream, error)
    } else {
      self.finish(stream)
    }
  }

  /// Sends a message of a streaming response; the headers go first if they have not gone.
  ///
  /// - Parameter isCompressed: whether the message was compressed, with what the call's context has settled on.
  /// - Returns: the error that ends the call if the message cannot be sent.
  public func sendMessage(
    _ id: HTTP2StreamID,
    _ message: ByteBuffer,
    isCompressed: Bool = false
  ) -> RPCError? {
    guard let stream = self.unansweredStream(id) else { return nil }
    guard let error = self.sendHeaders(stream) ?? self.sendData(stream, message, isCompressed) else {
      return nil
    }
    self.fail(stream, error)
    return error
  }

  /// Ends a streaming response with OK.
  public func finish(_ id: HTTP2StreamID) {
    guard let stream = self.unansweredStream(id) else { return }
    if let error = self.sendHeaders(stream) {
      self.fail(stream, error)
    } else {
      self.finish(stream)
    }
  }

  /// Ends a call with an error: trailers-only if nothing was sent yet.
  public func fail(_ id: HTTP2StreamID, _ error: RPCError) {
    guard let stream = self.unansweredStream(id) else { return }
    self.fail(stream, error)
  }

  /// The handler of a call has taken this many bytes of its requests: the peer may send as many more.
  public func consumed(_ id: HTTP2StreamID, bytes: Int) {
    self.session.consume(id, bytes)
  }

  /// Whether so much of the response waits for the peer that its writer should.
  public func isBackedUp(_ id: HTTP2StreamID) -> Bool {
    self.session.isBackedUp(id)
  }

  /// The largest request message that is taken, in bytes.
  public var maxReceiveMessageBytes: Int { self.limits.maxReceiveMessageBytes }

  /// The handler of a started call has returned, whatever became of the call. Once per started call.
  public func handlerReturned(_ id: HTTP2StreamID) {
    self.releaseHeldCall(id)
  }

  private func unansweredStream(_ id: HTTP2StreamID) -> ServerStream? {
    guard let stream = self.streams[id], !stream.machine.isAnswered else { return nil }
    return stream
  }

  private func sendHeaders(_ stream: ServerStream) -> RPCError? {
    guard !stream.machine.hasSentHeaders else { return nil }
    do throws(RPCError) {
      var fields = try ResponseFields.headers(
        stream.call.context.initialMetadata,
        limit: self.limits.maxMetadataBytes
      )
      let encoding = stream.call.context.settleCompression().algorithm
      if encoding != .identity {
        fields.add(name: "grpc-encoding", value: encoding.description)
      }
      // For clients that compress. Others have no use for it, and most calls are theirs.
      if encoding != .identity || stream.call.requestEncoding != .identity {
        fields.add(
          name: "grpc-accept-encoding",
          value: EncodingHeader.encodeList(self.compression.accepted)
        )
      }
      _ = stream.machine.sendHeaders()
      _ = self.session.sendHeaders(stream.call.id, fields, endStream: false)
      return nil
    } catch {
      return error
    }
  }

  private func sendData(_ stream: ServerStream, _ message: ByteBuffer, _ isCompressed: Bool) -> RPCError? {
    do throws(RPCError) {
      let prefix = try MessagePrefix.make(
        length: message.readableBytes,
        isCompressed: isCompressed,
        limit: self.limits.maxSendMessageBytes
      )
      if self.session.sendData(stream.call.id, prefix: prefix, message) { self.counters?.messageSent() }
      return nil
    } catch {
      return error
    }
  }

  private func finish(_ stream: ServerStream) {
    do throws(RPCError) {
      let trailers = try ResponseFields.okTrailers(
        stream.call.context.trailingMetadata,
        limit: self.limits.maxMetadataBytes
      )
      _ = stream.machine.answer()
      stream.isOK = true
      stream.permits?.status = .ok
      stream.wakeAt = .distantFuture
      _ = self.session.finish(stream.call.id, trailers: trailers)
    } catch {
      self.fail(stream, error)
    }
  }

  func fail(_ stream: ServerStream, _ error: RPCError) {
    guard stream.machine.answer() else { return }
    stream.permits?.status = error.code
    stream.wakeAt = .distantFuture
    let trailing = stream.call.context.trailingMetadata
    if stream.machine.hasSentHeaders {
      let trailers = ResponseFields.errorTrailers(error, trailing, self.limits)
      _ = self.session.finish(stream.call.id, trailers: trailers)
    } else {
      let fields = ResponseFields.trailersOnly(error, trailing, self.limits)
      _ = self.session.sendHeaders(stream.call.id, fields, endStream: true)
    }
  }
}
