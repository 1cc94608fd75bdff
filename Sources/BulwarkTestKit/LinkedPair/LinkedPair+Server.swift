import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import DequeModule
import struct NIOCore.ByteBuffer

/// A scripted handler at work.
struct RunningScript {
  let stream: HTTP2StreamID
  let call: ServerCall
  let script: ScriptedHandler
  var steps: Deque<HandlerStep>
  var inbox: StreamInbox
  /// When it goes on.
  var wakeAt: MonotonicInstant?
  var isBackedUp = false
  var sawEnd = false
  var isCancelled = false
  var hasReturned = false

  var isUnary: Bool { self.call.entry.descriptor.kind == .unary }
}

extension LinkedPair {
  // MARK: - Outputs

  func handleServerOutputs() -> Bool {
    var didSomething = false
    while let output = self.server.nextOutput() {
      didSomething = true
      switch output {
      case .startUnary(let call, let message):
        self.startScript(call, .message(message))
      case .startStream(let call):
        self.startScript(call, .start)
      case .requestBytes(let stream, let bytes):
        self.note(21, Int(stream), bytes.readableBytes)
        self.withScript(stream, "requests") { $0.inbox.received(bytes) }
      case .requestsEnded(let stream):
        self.note(22, Int(stream))
        self.withScript(stream, "end of requests") { script in
          if script.sawEnd { self.violate(stream, "server: the requests ended twice") }
          script.inbox.receivedEnd(nil)
        }
      case .responseWritable(let stream):
        self.note(23, Int(stream))
        if let index = self.handlers.firstIndex(where: { $0.stream == stream }) {
          self.handlers[index].isBackedUp = self.server.isBackedUp(stream)
        }
      case .cancel(let stream, let error):
        self.note(24, Int(stream), Int(error.code.rawValue))
        self.cancelScript(stream, error)
      }
    }
    return didSomething
  }

  private func startScript(_ call: ServerCall, _ input: HandlerInput) {
    self.note(20, Int(call.id))
    guard let record = self.callsByStream[call.id], let script = self.scripts[call.entry.descriptor],
      self.calls[record].handler == nil
    else {
      self.violate(call.id, "server: a handler was started for no call, or twice")
      return
    }
    self.calls[record].handler = HandlerRecord(call.context)
    if case .message(let message) = input {
      self.calls[record].handler?.requests.append(message)
    }
    self.handlers.append(
      RunningScript(
        stream: call.id,
        call: call,
        script: script,
        steps: Deque(script.respond(call, input)),
        inbox: StreamInbox(limit: self.server.maxReceiveMessageBytes, encoding: call.requestEncoding)
      )
    )
  }

  private func withScript(_ stream: HTTP2StreamID, _ what: String, _ body: (inout RunningScript) -> Void) {
    guard let index = self.handlers.firstIndex(where: { $0.stream == stream && !$0.hasReturned }) else {
      self.violate(stream, "server: \(what) without a handler")
      return
    }
    if self.handlers[index].isCancelled { self.violate(stream, "server: \(what) after a cancellation") }
    body(&self.handlers[index])
  }

  private func cancelScript(_ stream: HTTP2StreamID, _ error: RPCError) {
    self.withScript(stream, "a cancellation") { script in
      script.isCancelled = true
      script.inbox.fail(error)
      script.wakeAt = self.clock.now.advanced(by: script.script.returnDelay)
    }
    self.updateHandler(stream) { $0.cancellations.append(error) }
  }

  private func updateHandler(_ stream: HTTP2StreamID, _ change: (inout HandlerRecord) -> Void) {
    guard let call = self.callsByStream[stream], self.calls[call].handler != nil else { return }
    self.calls[call].handler.mutate(change)
  }

  // MARK: - Scripts

  func advanceHandlers() -> Bool {
    var didSomething = false
    for index in self.handlers.indices {
      while self.advanceHandler(index) {
        didSomething = true
      }
    }
    self.handlers.removeAll(where: \.hasReturned)
    return didSomething
  }

  /// Does one thing that the handler has to do; false if it has to wait.
  private func advanceHandler(_ index: Int) -> Bool {
    guard !self.handlers[index].hasReturned else { return false }
    if let wakeAt = self.handlers[index].wakeAt {
      guard wakeAt <= self.clock.now else { return false }
      self.handlers[index].wakeAt = nil
    }
    guard !self.handlers[index].isCancelled else {
      self.returned(index)
      return true
    }
    guard let step = self.handlers[index].steps.first else { return self.readRequest(index) }
    if case .send = step, self.handlers[index].isBackedUp { return false }
    self.handlers[index].steps.removeFirst()
    self.take(step, index)
    return true
  }

  private func take(_ step: HandlerStep, _ index: Int) {
    let stream = self.handlers[index].stream
    switch step {
    case .wait(let duration):
      self.handlers[index].wakeAt = self.clock.now.advanced(by: duration)
    case .send(let message):
      self.send(message, index)
    case .answer(let message) where self.handlers[index].isUnary:
      self.updateHandler(stream) { $0.responses.append(message) }
      let compressed = self.compressed(message, index)
      self.server.respond(stream, compressed ?? message, isCompressed: compressed != nil)
      self.answered(index, nil)
    case .answer(let message):
      self.send(message, index)
      if !self.handlers[index].hasReturned { self.take(.finish, index) }
    case .finish:
      self.server.finish(stream)
      self.answered(index, nil)
    case .fail(let error):
      self.server.fail(stream, error)
      self.answered(index, error)
    }
  }

  private func compressed(_ message: ByteBuffer, _ index: Int) -> ByteBuffer? {
    self.server.responseCompression.settled(by: self.handlers[index].call.context).compressed(message)
  }

  private func send(_ message: ByteBuffer, _ index: Int) {
    let stream = self.handlers[index].stream
    let compressed = self.compressed(message, index)
    let error = self.server.sendMessage(stream, compressed ?? message, isCompressed: compressed != nil)
    if let error {
      self.answered(index, error)
      return
    }
    self.updateHandler(stream) { $0.responses.append(message) }
    self.handlers[index].isBackedUp = self.server.isBackedUp(stream)
  }

  private func readRequest(_ index: Int) -> Bool {
    let stream = self.handlers[index].stream
    guard !self.handlers[index].isUnary, !self.handlers[index].sawEnd else { return false }
    switch self.handlers[index].inbox.next() {
    case .message(let bytes, let encoding, let credit):
      self.server.consumed(stream, bytes: credit)
      let message: ByteBuffer
      do throws(RPCError) {
        message = try encoding.decompressed(bytes, limit: self.server.maxReceiveMessageBytes)
      } catch {
        self.take(.fail(error), index)
        return true
      }
      self.updateHandler(stream) { $0.requests.append(message) }
      self.handlers[index].steps = self.steps(index, .message(message))
      return true
    case .wait(let credit):
      self.server.consumed(stream, bytes: credit)
      return false
    case .end:
      self.handlers[index].sawEnd = true
      self.updateHandler(stream) { $0.sawEnd = true }
      self.handlers[index].steps = self.steps(index, .end)
      return true
    case .fail(let error):
      self.take(.fail(error), index)
      return true
    }
  }

  private func steps(_ index: Int, _ input: HandlerInput) -> Deque<HandlerStep> {
    Deque(self.handlers[index].script.respond(self.handlers[index].call, input))
  }

  private func answered(_ index: Int, _ error: RPCError?) {
    self.updateHandler(self.handlers[index].stream) { $0.answer = .some(error) }
    self.returned(index)
  }

  private func returned(_ index: Int) {
    let stream = self.handlers[index].stream
    self.note(25, Int(stream))
    self.updateHandler(stream) { $0.hasReturned = true }
    self.handlers[index].hasReturned = true
    self.server.handlerReturned(stream)
  }
}

extension Optional {
  fileprivate mutating func mutate(_ change: (inout Wrapped) -> Void) {
    guard var value = self else { return }
    self = nil
    change(&value)
    self = value
  }
}
