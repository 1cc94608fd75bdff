import BulwarkCore
import BulwarkWire
import struct NIOCore.ByteBuffer
import Synchronization

/// Who waits for the answer of a unary call. Safe from any thread.
final class UnaryCaller: ExchangeClient {
  typealias Answer = Result<Response<ByteBuffer>, RPCError>

  private struct State {
    var answer: Answer?
    var waiter: CheckedContinuation<Answer, Never>?
  }

  private let state = Mutex(State())

  /// Nil while the handler runs. A handler that never waits has answered before anybody could wait for it.
  var answer: Answer? { self.state.withLock { $0.answer } }

  func wait(_ continuation: CheckedContinuation<Answer, Never>) {
    let answer = self.state.withLock { state in
      if state.answer == nil { state.waiter = continuation }
      return state.answer
    }
    if let answer { continuation.resume(returning: answer) }
  }

  func answered(_ answer: Answer) {
    let waiter = self.state.withLock { state in
      state.answer = state.answer ?? answer
      return state.waiter.take()
    }
    waiter?.resume(returning: answer)
  }

  func failed(_ error: RPCError, handlerError: RPCError) {
    self.answered(.failure(error))
  }
}

extension Exchange {
  /// Starts the handler of a unary call.
  func startUnary(
    _ handler: @escaping UnaryHandler,
    _ message: ByteBuffer,
    waits: [AdmissionWait],
    caller: UnaryCaller
  ) {
    self.start {
      do {
        if !waits.isEmpty { try await self.waitForAdmission(waits) }
        let answer = try await CallContext.$current.withValue(self.context) {
          try await handler(message, self.context)
        }
        self.answer(caller, answer)
      } catch {
        self.fail(caller, RPCError(handlerError: error))
      }
      self.handlerReturned()
    }
  }

  private func answer(_ caller: UnaryCaller, _ message: ByteBuffer) {
    do throws(RPCError) {
      try WireForm.checkSent(message.readableBytes, self.limits)
      let response = try Response(
        message: message,
        metadata: self.initialMetadata(),
        trailingMetadata: self.trailingMetadata()
      )
      if self.answer(.ok) { caller.answered(.success(response)) }
    } catch {
      self.fail(caller, error)
    }
  }

  private func fail(_ caller: UnaryCaller, _ error: RPCError) {
    let status = self.status(error)
    if self.answer(status.code) { caller.answered(.failure(status)) }
  }
}
