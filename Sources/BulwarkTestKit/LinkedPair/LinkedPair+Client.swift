import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import DequeModule
import struct NIOCore.ByteBuffer

/// A caller at work: what it still has to do, and what has come for it.
struct Caller {
  var steps: Deque<CallStep>
  var inbox: StreamInbox
  /// When it goes on with its steps.
  var wakeAt: MonotonicInstant?
  /// When it asks for the next response.
  var readAt: MonotonicInstant?
  var deadline: MonotonicInstant?
  var isBackedUp = false
  /// The connection has nothing to say of this call any more.
  var isOver = false
  var isUnprocessed = false
  var trailing = Metadata()

  func nextInstant(after now: MonotonicInstant) -> MonotonicInstant? {
    [self.wakeAt, self.readAt, self.deadline].compactMap { $0 }.filter { $0 > now }.min()
  }
}

extension LinkedPair {
  /// Starts a call at the client, now or when the connection has room for it.
  ///
  /// - Returns: the call's number, its index in ``calls``.
  @discardableResult
  public func start(_ plan: CallPlan) -> Int {
    let call = self.calls.count
    self.calls.append(CallRecord(plan))
    var caller = Caller(steps: Deque(plan.steps), inbox: StreamInbox(limit: plan.maxResponseBytes))
    caller.deadline = plan.timeout.map { self.clock.now.advanced(by: $0) }
    self.callers.append(caller)
    self.liveCallers.append(call)
    self.waitingCalls.append(call)
    return call
  }

  /// Ends a call for its caller's own reasons, now.
  public func cancel(_ call: Int) {
    self.end(call, with: RPCError(code: .cancelled, message: "the call was cancelled by its caller"))
  }

  // MARK: - Outputs

  func handleClientOutputs() -> Bool {
    var didSomething = false
    while let output = self.client.nextOutput() {
      didSomething = true
      switch output {
      case .ready, .capacityChanged, .tooManyPings:
        self.note(10)
      case .unaryAnswered(let stream, let response):
        guard let call = self.call(of: stream, isEnd: true, "answered") else { continue }
        self.calls[call].responses.append(response.message)
        self.settle(
          call,
          .succeeded(initial: response.metadata, trailing: response.trailingMetadata)
        )
      case .responseMetadata(let stream, let metadata, let encoding):
        guard let call = self.call(of: stream, isEnd: false, "metadata") else { continue }
        if self.calls[call].initialMetadata != nil { self.violate(stream, "initial metadata came twice") }
        self.calls[call].initialMetadata = metadata
        self.callers[call].inbox.encoding = encoding
      case .responseBytes(let stream, let bytes):
        guard let call = self.call(of: stream, isEnd: false, "bytes") else { continue }
        self.callers[call].inbox.received(bytes)
      case .streamFinished(let stream, let trailing):
        guard let call = self.call(of: stream, isEnd: true, "finished") else { continue }
        self.callers[call].trailing = trailing
        self.callers[call].inbox.receivedEnd(nil)
      case .failed(let stream, let failure):
        guard let call = self.call(of: stream, isEnd: true, "failed") else { continue }
        self.failed(call, failure)
      case .requestWritable(let stream):
        if let call = self.callsByStream[stream] {
          self.callers[call].isBackedUp = self.client.isBackedUp(stream)
        }
      case .goingAway:
        self.isGoingAway = true
      }
    }
    return didSomething
  }

  private func failed(_ call: Int, _ failure: ClientFailure) {
    guard self.calls[call].plan.method.kind != .unary else {
      self.settle(call, .failed(failure.error, isUnprocessed: failure.isUnprocessed))
      return
    }
    // What came before the status is the caller's; it meets the error after it.
    self.callers[call].isUnprocessed = failure.isUnprocessed
    self.callers[call].inbox.receivedEnd(failure.error)
  }

  /// The call that an output speaks of, unless the output is one too many.
  private func call(of stream: HTTP2StreamID, isEnd: Bool, _ what: String) -> Int? {
    self.note(11, Int(stream), isEnd ? 1 : 0)
    self.trace.combine(what)
    guard let call = self.callsByStream[stream] else {
      self.violate(stream, "client: \(what) for a stream that no call has")
      return nil
    }
    guard !self.callers[call].isOver else {
      self.violate(stream, "client: \(what) after the end of the call")
      return nil
    }
    self.callers[call].isOver = isEnd
    return call
  }

  func violate(_ stream: HTTP2StreamID, _ what: String) {
    self.violations.append("stream \(stream): \(what)")
  }

  // MARK: - Callers

  func advanceCallers() -> Bool {
    var didSomething = self.openWaitingCalls()
    for call in self.liveCallers {
      didSomething = self.advance(call) || didSomething
    }
    self.liveCallers.removeAll { self.calls[$0].outcome != nil }
    return didSomething
  }

  private func openWaitingCalls() -> Bool {
    guard !self.waitingCalls.isEmpty else { return false }
    guard self.isClientOpen, !self.isGoingAway else {
      for call in self.waitingCalls where self.calls[call].outcome == nil {
        let error = RPCError(code: .unavailable, message: "there is no connection", origin: .transport)
        self.settle(call, .failed(error, isUnprocessed: true))
      }
      self.waitingCalls.removeAll()
      return true
    }
    var didSomething = false
    while self.client.availableCalls > 0, let call = self.waitingCalls.popFirst() {
      didSomething = true
      if self.calls[call].outcome == nil {
        self.open(call)
      }
    }
    return didSomething
  }

  private func open(_ call: Int) {
    let plan = self.calls[call].plan
    let request = ClientRequest(
      method: plan.method,
      metadata: plan.metadata,
      deadline: self.callers[call].deadline,
      maxResponseBytes: plan.maxResponseBytes,
      compression: plan.compression
    )
    do throws(RPCError) {
      let compressed = plan.onlyMessage.flatMap { plan.messageCompression.compressed($0) }
      let started = try self.client.start(
        request,
        onlyMessage: compressed ?? plan.onlyMessage,
        isCompressed: compressed != nil,
        now: self.clock.now
      )
      guard let stream = started else {
        self.violations.append("call \(call): there was room for a call, but it was not taken")
        return
      }
      self.note(12, Int(stream))
      self.calls[call].stream = stream
      self.callsByStream[stream] = call
      if let message = plan.onlyMessage {
        self.calls[call].requests.append(message)
      }
    } catch {
      self.settle(call, .failed(error, isUnprocessed: true))
    }
  }

  private func advance(_ call: Int) -> Bool {
    if let deadline = self.callers[call].deadline, deadline <= self.clock.now {
      self.end(call, with: .deadlineExceeded)
      return true
    }
    let didWork = self.takeSteps(call)
    return self.read(call) || didWork
  }

  private func takeSteps(_ call: Int) -> Bool {
    var didSomething = false
    while self.calls[call].outcome == nil, let step = self.callers[call].steps.first {
      if let wakeAt = self.callers[call].wakeAt {
        guard wakeAt <= self.clock.now else { return didSomething }
        self.callers[call].wakeAt = nil
      }
      switch step {
      case .wait(let duration):
        self.callers[call].wakeAt = self.clock.now.advanced(by: duration)
      case .cancel:
        self.cancel(call)
      case .send, .finish:
        // A write to a call that the server has ended is lost, as its caller learns from reading.
        if !self.callers[call].isOver {
          guard let stream = self.calls[call].stream, !self.callers[call].isBackedUp else {
            return didSomething
          }
          self.send(step, of: call, on: stream)
        }
      }
      didSomething = true
      self.callers[call].steps.removeFirst()
    }
    return didSomething
  }

  private func send(_ step: CallStep, of call: Int, on stream: HTTP2StreamID) {
    guard case .send(let message) = step else {
      self.client.finishRequests(stream)
      return
    }
    do throws(RPCError) {
      let compressed = self.calls[call].plan.messageCompression.compressed(message)
      try self.client.sendMessage(stream, compressed ?? message, isCompressed: compressed != nil)
      self.calls[call].requests.append(message)
      self.callers[call].isBackedUp = self.client.isBackedUp(stream)
    } catch {
      self.end(call, with: error)
    }
  }

  private func read(_ call: Int) -> Bool {
    guard self.calls[call].plan.method.kind != .unary, let stream = self.calls[call].stream else {
      return false
    }
    var didSomething = false
    while self.calls[call].outcome == nil, self.mayRead(call) {
      switch self.callers[call].inbox.next() {
      case .message(let bytes, let encoding, let credit):
        self.client.consumed(stream, bytes: credit)
        do throws(RPCError) {
          let limit = self.calls[call].plan.maxResponseBytes
          self.calls[call].responses.append(try encoding.decompressed(bytes, limit: limit))
        } catch {
          self.end(call, with: error)
          return true
        }
        self.callers[call].readAt = self.clock.now.advanced(by: self.calls[call].plan.readDelay)
        didSomething = true
      case .wait(let credit):
        self.client.consumed(stream, bytes: credit)
        return didSomething || credit > 0
      case .end:
        self.settle(call, .succeeded(initial: [:], trailing: self.callers[call].trailing))
      case .fail(let error) where self.callers[call].isOver:
        self.settle(call, .failed(error, isUnprocessed: self.callers[call].isUnprocessed))
      case .fail(let error):
        self.end(call, with: error)
      }
    }
    return didSomething || self.calls[call].outcome != nil
  }

  private func mayRead(_ call: Int) -> Bool {
    if let limit = self.calls[call].plan.readLimit, self.calls[call].responses.count >= limit { return false }
    return self.callers[call].readAt.map { $0 <= self.clock.now } ?? true
  }

  // MARK: - Ends

  /// The caller, or what it stands on, ends the call.
  private func end(_ call: Int, with error: RPCError) {
    guard self.calls[call].outcome == nil else { return }
    if let stream = self.calls[call].stream, !self.callers[call].isOver {
      self.client.cancel(stream)
    }
    self.callers[call].isOver = true
    self.settle(call, .failed(error, isUnprocessed: false))
  }

  private func settle(_ call: Int, _ outcome: CallOutcome) {
    guard self.calls[call].outcome == nil else {
      self.violations.append("call \(call): a second outcome, \(outcome)")
      return
    }
    self.note(13, call, Int(outcome.code.rawValue))
    self.calls[call].outcome = outcome
    self.calls[call].endedAt = self.clock.now
  }
}
