import BulwarkCore
import BulwarkWire
import struct NIOCore.ByteBuffer
import Synchronization

/// Where the handler of a streaming call writes: its first message takes the metadata along.
final class HandlerSink: MessageSink {
  private let exchange: Exchange
  private let stream: InProcessStream
  private let hasBegun = Atomic(false)

  init(_ exchange: Exchange, _ stream: InProcessStream) {
    self.exchange = exchange
    self.stream = stream
  }

  func write(_ message: ByteBuffer) async throws(RPCError) {
    do throws(RPCError) {
      if !self.hasBegun.exchange(true, ordering: .acquiringAndReleasing) {
        self.stream.received(metadata: try self.exchange.initialMetadata())
      }
      try WireForm.checkSent(message.readableBytes, self.exchange.limits)
    } catch {
      self.exchange.abort(error)
      throw error
    }
    try await self.stream.responses.write(message)
  }
}

extension Exchange {
  /// Starts the handler of a call of any kind but unary.
  func startStream(_ handler: @escaping StreamHandler, waits: [AdmissionWait], on stream: InProcessStream) {
    let sink = HandlerSink(self, stream)
    self.start {
      do {
        if !waits.isEmpty { try await self.waitForAdmission(waits) }
        try await CallContext.$current.withValue(self.context) {
          try await handler(stream.requests, sink, self.context)
        }
        self.finish(stream)
      } catch {
        self.fail(stream, RPCError(handlerError: error))
      }
      // A task that outlives the handler may still hold the halves of the stream; they must not hang.
      stream.requests.failReads(.callIsOver)
      stream.responses.refuseWrites(.callIsOver)
      self.handlerReturned()
    }
  }

  private func finish(_ stream: InProcessStream) {
    do throws(RPCError) {
      let metadata = try self.initialMetadata()
      let trailing = try self.trailingMetadata()
      if self.answer(.ok) { stream.finished(metadata: metadata, trailing: trailing) }
    } catch {
      self.fail(stream, error)
    }
  }

  private func fail(_ stream: InProcessStream, _ error: RPCError) {
    let status = self.status(error)
    if self.answer(status.code) { stream.failed(status) }
  }

  /// The metadata before the response, as its client gets it.
  func initialMetadata() throws(RPCError) -> Metadata {
    try WireForm.initial(self.context.initialMetadata, self.limits)
  }

  /// The metadata of OK, as its client gets it.
  func trailingMetadata() throws(RPCError) -> Metadata {
    try WireForm.trailing(self.context.trailingMetadata, self.limits)
  }
}
