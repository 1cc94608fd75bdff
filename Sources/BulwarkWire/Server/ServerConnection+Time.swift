public import BulwarkCore
import BulwarkHTTP2

// Time: one scheduled callback per connection stands for every timer in here.
extension ServerConnection {
  /// When `deadlineReached` is due next; nil if nothing waits for time.
  public var nextDeadline: MonotonicInstant? {
    let next = min(self.earliestWake, self.timers.next ?? .distantFuture, self.life.next)
    return next == .distantFuture ? nil : next
  }

  /// Time has passed: calls past their deadline are answered and cancelled, a peer that stalls is cut off.
  public func deadlineReached(now: MonotonicInstant) {
    if self.earliestWake <= now { self.wakeStreams(now: now) }
    switch self.timers.fired(now: now) {
    case .none:
      break
    case .handshakeTimedOut:
      self.session.terminate(code: .settingsTimeout, debug: "no SETTINGS in time")
    case .headerBlockTimedOut:
      self.session.terminate(code: .enhanceYourCalm, debug: "a header block took too long")
    case .sweep:
      self.sweep(now: now)
    }
    if self.life.next <= now { self.lifeTimerFired(now: now) }
  }

  /// Has a call looked at when its time is over.
  ///
  /// A call costs two stores, since nearly all end in time: who is due is looked for among all streams, at most once for
  /// each call that had a limit.
  func wake(_ stream: ServerStream, at instant: MonotonicInstant) {
    stream.wakeAt = instant
    self.earliestWake = min(self.earliestWake, instant)
  }

  private func wakeStreams(now: MonotonicInstant) {
    var due: [ServerStream] = []
    self.earliestWake = .distantFuture
    for stream in self.streams.values {
      if stream.wakeAt <= now {
        due.append(stream)
      } else {
        self.earliestWake = min(self.earliestWake, stream.wakeAt)
      }
    }
    due.sort { ($0.wakeAt, $0.call.id) < ($1.wakeAt, $1.call.id) }
    for stream in due {
      stream.wakeAt = .distantFuture
      self.deadlineExceeded(stream, now: now)
    }
  }

  private func deadlineExceeded(_ stream: ServerStream, now: MonotonicInstant) {
    let isOutOfTime = stream.call.context.deadline.map { $0 <= now } ?? false
    self.end(stream, isOutOfTime ? .deadlineExceeded : .requestTooSlow(self.limits.heldCollectingTimeout))
  }

  /// Bounds the time of those requests that hold something of a gate and did not come in one read: most do, and pay
  /// for no timer.
  func boundCollecting(now: MonotonicInstant) {
    guard !self.collectingCalls.isEmpty else { return }
    for stream in self.collectingCalls
    where stream.machine.isCollecting && stream.permits != nil {
      stream.hasCollectingTimer = true
      let end = now.advanced(byNanoseconds: self.limits.heldCollectingTimeout)
      self.wake(stream, at: min(end, stream.call.context.deadline ?? end))
    }
    self.collectingCalls.removeAll(keepingCapacity: true)
  }

  /// The request is there: from now on the call's own deadline counts alone.
  func requestIsWhole(_ stream: ServerStream) {
    guard stream.hasCollectingTimer else { return }
    stream.hasCollectingTimer = false
    self.wake(stream, at: stream.call.context.deadline ?? .distantFuture)
  }

  /// Answers a call with an error, whether it has a handler or not, and cancels the handler if it has.
  private func end(_ stream: ServerStream, _ error: RPCError) {
    if stream.machine.isCollecting {
      self.reject(stream, error)
    } else if !stream.machine.isAnswered {
      self.fail(stream, error)
      self.cancelHandler(of: stream, error)
    }
  }

  /// The streams in the order in which they began: what is done to all of them is the same in every run.
  private var orderedStreams: [ServerStream] {
    self.streams.values.sorted { $0.call.id < $1.call.id }
  }

  /// Looks for streams that have made no progress for the stall timeout.
  private func sweep(now: MonotonicInstant) {
    let oldest = now.advanced(byNanoseconds: -self.limits.stallTimeout)
    for stream in self.orderedStreams {
      let queued = self.session.queuedBytes(stream.call.id)
      if stream.wasCutOff {
        self.stalled(stream)
      } else if queued != stream.queuedAtLastLook || (queued == 0 && !stream.machine.isCollecting) {
        stream.queuedAtLastLook = queued
        stream.lastProgress = now
      } else if stream.lastProgress <= oldest {
        self.stalled(stream)
      }
    }
    self.timers.swept(streamsOpen: !self.streams.isEmpty, now: now)
  }

  private func stalled(_ stream: ServerStream) {
    if stream.wasCutOff {
      // Not even the reset could leave, so the connection is worth nothing any more.
      self.session.terminate(code: .enhanceYourCalm, debug: "the peer does not read")
    } else if stream.machine.isCollecting {
      self.reject(stream, RPCError(code: .deadlineExceeded, message: "the request made no progress"))
    } else {
      // The peer does not take what is queued, so it would not take a status either. The reset may have to wait
      // for it too, the handler must not.
      stream.wasCutOff = true
      self.session.reset(stream.call.id, .cancel, isGlitch: true)
      if stream.machine.answer() {
        stream.wakeAt = .distantFuture
        self.cancelHandler(of: stream, .responseNotTaken)
      }
    }
  }
}

// Stopping: two GOAWAYs, so that no call is lost that was on its way when the first one was sent.
extension ServerConnection {
  /// Starts a graceful stop: no new calls; those that run may finish.
  public func beginShutdown() {
    self.beginDrain("shutdown")
  }

  func beginDrain(_ reason: String) {
    guard case .announce = self.shutdown.begin(reason) else { return }
    self.session.shutdownNotice()
  }

  /// Ends a stop that took too long: every call fails with UNAVAILABLE and its handler is cancelled.
  public func abortCalls() {
    self.abortCalls(RPCError(code: .unavailable, message: "the server is shutting down"))
  }

  func abortCalls(_ error: RPCError) {
    for stream in self.orderedStreams {
      self.end(stream, error)
    }
    // Not the abrupt end: the statuses are still to be sent.
    self.session.goAway(code: .noError, debug: self.shutdown.reason)
  }
}

extension RPCError {
  static func requestTooSlow(_ limit: Int64) -> RPCError {
    RPCError(
      code: .deadlineExceeded,
      message:
        "the request was not there within \(limit / 1_000_000) ms, and the call holds a place meanwhile"
    )
  }

  static let responseNotTaken = RPCError(
    code: .cancelled,
    message: "the client does not take the response",
    origin: .transport
  )
}
