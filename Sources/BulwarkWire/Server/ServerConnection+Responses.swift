public import BulwarkCore
public import BulwarkHTTP2
public import struct NIOCore.ByteBuffer

// What the holder of a call does to it. Each function is without effect on a call that is over.
extension ServerConnection {
  /// Answers a unary call.
  public func respond(_ stream: HTTP2StreamID, _ message: ByteBuffer) {
    guard self.streams[stream]?.isAnswered == false else { return }
    if let error = self.sendHeaders(stream) ?? self.sendData(stream, message) {
      self.fail(stream, error)
    } else {
      self.finish(stream)
    }
  }

  /// Sends a message of a streaming response; the headers go first if they have not gone.
  ///
  /// - Returns: the error that ends the call if the message cannot be sent.
  public func sendMessage(_ stream: HTTP2StreamID, _ message: ByteBuffer) -> RPCError? {
    guard self.streams[stream]?.isAnswered == false else { return nil }
    guard let error = self.sendHeaders(stream) ?? self.sendData(stream, message) else { return nil }
    self.fail(stream, error)
    return error
  }

  /// Ends a streaming response with OK.
  public func finish(_ stream: HTTP2StreamID) {
    guard let call = self.streams[stream]?.call, self.streams[stream]?.isAnswered == false else { return }
    if let error = self.sendHeaders(stream) {
      self.fail(stream, error)
      return
    }
    do throws(RPCError) {
      let trailers = try ResponseFields.okTrailers(
        call.context.trailingMetadata,
        limit: self.limits.maxMetadataBytes
      )
      _ = self.streams[stream]?.answer()
      self.deadlines.remove(stream)
      _ = self.session.finish(stream, trailers: trailers)
    } catch {
      self.fail(stream, error)
    }
  }

  /// Ends a call with an error: trailers-only if nothing was sent yet.
  public func fail(_ stream: HTTP2StreamID, _ error: RPCError) {
    guard let machine = self.streams[stream], self.streams[stream]?.answer() == true else { return }
    self.deadlines.remove(stream)
    let trailing = machine.call.context.trailingMetadata
    if machine.hasSentHeaders {
      let trailers = ResponseFields.errorTrailers(error, trailing, self.limits)
      _ = self.session.finish(stream, trailers: trailers)
    } else {
      let fields = ResponseFields.trailersOnly(error, trailing, self.limits)
      _ = self.session.sendHeaders(stream, fields, endStream: true)
    }
  }

  /// The handler of a call has taken this many bytes of its requests: the peer may send as many more.
  public func consumed(_ stream: HTTP2StreamID, bytes: Int) {
    self.session.consume(stream, bytes)
  }

  /// Whether so much of the response waits for the peer that its writer should.
  public func isBackedUp(_ stream: HTTP2StreamID) -> Bool {
    self.session.isBackedUp(stream)
  }

  /// The largest request message that is taken, in bytes.
  public var maxReceiveMessageBytes: Int { self.limits.maxReceiveMessageBytes }

  /// The handler of a started call has returned, whatever became of the call. Once per started call.
  public func handlerReturned(_ stream: HTTP2StreamID) {
    self.releaseHeldCall()
  }

  private func sendHeaders(_ stream: HTTP2StreamID) -> RPCError? {
    guard let call = self.streams[stream]?.call else { return nil }
    guard self.streams[stream]?.hasSentHeaders == false else { return nil }
    do throws(RPCError) {
      let fields = try ResponseFields.headers(
        call.context.initialMetadata,
        limit: self.limits.maxMetadataBytes
      )
      _ = self.streams[stream]?.sendHeaders()
      _ = self.session.sendHeaders(stream, fields, endStream: false)
      return nil
    } catch {
      return error
    }
  }

  private func sendData(_ stream: HTTP2StreamID, _ message: ByteBuffer) -> RPCError? {
    do throws(RPCError) {
      let prefix = try MessagePrefix.make(
        length: message.readableBytes,
        limit: self.limits.maxSendMessageBytes
      )
      _ = self.session.sendData(stream, prefix: prefix, message)
      return nil
    } catch {
      return error
    }
  }
}
