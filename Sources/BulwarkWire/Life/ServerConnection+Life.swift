import BulwarkCore
import BulwarkHTTP2

// The life of a connection (gRFCs A8 and A9): whether the client is there, pings too much, is idle, or has come of age.
extension ServerConnection {
  /// The client has not answered a PING: there is nobody to send last bytes to.
  public var isPeerLost: Bool { self.life.isPeerLost }

  func pingReceived(now: MonotonicInstant) {
    let action = self.life.strikes.received(
      sent: self.session.counters.headersAndDataSent,
      hasCalls: !self.streams.isEmpty,
      now: now
    )
    if action == .refuse {
      self.session.terminate(code: .enhanceYourCalm, debug: "too_many_pings")
    }
  }

  func lifeTimerFired(now: MonotonicInstant) {
    switch self.life.keepalive.fired(hasCalls: !self.streams.isEmpty, now: now) {
    case .doNothing: break
    case .ping(let payload):
      self.session.ping(payload)
      self.counters?.keepaliveSent()
    case .giveUp:
      self.life.isPeerLost = true
      self.session.close()
    }
    switch self.life.age.fired(now: now) {
    case .doNothing: break
    case .drain: self.drain("max_age", now: now)
    case .abort: self.abortCalls(.connectionTooOld)
    }
    let calls = self.session.counters.streamsOpened
    if self.life.idle.fired(openCalls: self.streams.count, calls: calls, now: now) == .goIdle {
      self.drain("max_idle", now: now)
    }
    if self.life.takeDrainEnd(now: now), case .announceLast = self.shutdown.timedOut() {
      self.session.goAway(code: .noError, debug: self.shutdown.reason)
    }
    self.life.updateNext()
  }

  private func drain(_ reason: String, now: MonotonicInstant) {
    self.beginDrain(reason)
    self.life.drainBegan(now: now)
  }
}

extension RPCError {
  static let connectionTooOld = RPCError(
    code: .unavailable,
    message: "the connection has reached its maximum age and the calls on it their grace"
  )
}
