import BulwarkCore
import BulwarkWire
import struct NIOCore.ByteBuffer
import Synchronization

/// A streaming call in memory, as its caller holds it. Safe from any thread.
final class InProcessStream: ClientStream {
  private struct State {
    var exchange: Exchange?
    var trailing = Metadata()
    var hasEnded = false
    var error: RPCError?
    var onEnd: (@Sendable (RPCError?) -> Void)?
  }

  let requests: MessagePipe
  let responses: MessagePipe
  private let limits: WireLimits
  private let metadata = Promise<Metadata>()
  private let state = Mutex(State())

  /// - Parameter limits: those of the client.
  init(requests: MessagePipe, responses: MessagePipe, limits: WireLimits) {
    self.requests = requests
    self.responses = responses
    self.limits = limits
  }

  /// The call runs until it is told that it has ended; they refer to each other so long.
  func attach(_ exchange: Exchange) {
    self.state.withLock { $0.exchange = exchange }
  }

  // MARK: - The caller's side

  func next() async throws(RPCError) -> ByteBuffer? {
    do throws(RPCError) {
      return try await self.responses.next()
    } catch {
      // Whatever broke the reading: the handler need not go on.
      if error != .twoConsumers { self.cancel() }
      throw error
    }
  }

  func write(_ message: ByteBuffer) async throws(RPCError) {
    do throws(RPCError) {
      try WireForm.checkSent(message.readableBytes, self.limits)
    } catch {
      self.cancel(error)
      throw error
    }
    do throws(RPCError) {
      try await self.requests.write(message)
    } catch {
      if error == .cancelledByCaller { self.cancel() }
      throw error
    }
  }

  func finishRequests() {
    self.requests.finish()
  }

  func initialMetadata() async throws(RPCError) -> Metadata {
    do {
      return try await self.metadata.value()
    } catch let error as RPCError {
      throw error
    } catch {
      self.cancel()
      throw .cancelledByCaller
    }
  }

  var trailingMetadata: Metadata { self.state.withLock { $0.trailing } }

  var hasEnded: Bool { self.state.withLock { $0.hasEnded } }

  func onEnd(_ body: @escaping @Sendable (RPCError?) -> Void) {
    let (hasEnded, error) = self.state.withLock { state in
      if !state.hasEnded { state.onEnd = body }
      return (state.hasEnded, state.error)
    }
    if hasEnded { body(error) }
  }

  func cancel() {
    self.cancel(.cancelledByCaller)
  }

  private func cancel(_ error: RPCError) {
    self.state.withLock { $0.exchange }?.cancel(error)
  }
}

// MARK: - The handler's side

extension InProcessStream: ExchangeClient {
  /// The response begins.
  func received(metadata: Metadata) {
    self.metadata.complete(.success(metadata))
  }

  /// The handler has returned, and this was all.
  func finished(metadata: Metadata, trailing: Metadata) {
    let onEnd = self.end(trailing: trailing, nil)
    self.metadata.complete(.success(metadata))
    self.requests.refuseWrites(.endedByServer)
    self.responses.finish()
    onEnd?(nil)
  }

  /// The call could not begin, or its handler has failed.
  func failed(_ error: RPCError) {
    self.failed(error, handlerError: .callIsOver)
  }

  func failed(_ error: RPCError, handlerError: RPCError) {
    let onEnd = self.end(trailing: error.metadata, error)
    self.metadata.complete(.failure(error))
    self.requests.refuseWrites(error)
    self.requests.failReads(handlerError)
    self.responses.refuseWrites(handlerError)
    if error.origin == .local {
      self.responses.failReads(error)
    } else {
      // What came before the server's status is the caller's.
      self.responses.finish(error)
    }
    onEnd?(error)
  }

  /// Notes the end, and gives out who wants to know of it once the halves have been told.
  private func end(trailing: Metadata, _ error: RPCError?) -> (@Sendable (RPCError?) -> Void)? {
    self.state.withLock { state in
      state.trailing = trailing
      state.hasEnded = true
      state.error = error
      state.exchange = nil
      return state.onEnd.take()
    }
  }
}
