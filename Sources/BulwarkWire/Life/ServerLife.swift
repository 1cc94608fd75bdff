import BulwarkCore

/// What a server's connection keeps of its own life, beside its calls.
struct ServerLife {
  /// How long a client may take to acknowledge the PING that a drain waits for. grpc-go and C-core have such a limit too:
  /// a client that is gone must not keep a connection that is to end.
  private static let drainTimeout = Duration.seconds(20)

  var keepalive: KeepaliveMachine
  var strikes: PingStrikesMachine
  var age: ConnectionAgeMachine
  var idle: IdleMachine
  /// The client has not answered a PING.
  var isPeerLost = false
  private var drainEnd = MonotonicInstant.distantFuture

  /// No timer in here is due earlier.
  private(set) var next = MonotonicInstant.distantFuture

  init(_ life: ServerConnectionLife, jitter: Double, now: MonotonicInstant) {
    self.keepalive = KeepaliveMachine(
      time: life.keepaliveTime,
      timeout: life.keepaliveTimeout,
      pingsWithoutCalls: true,
      now: now
    )
    self.strikes = PingStrikesMachine(life)
    self.age = ConnectionAgeMachine(
      maximum: life.maxAge,
      grace: life.maxAgeGrace,
      jitter: jitter,
      now: now
    )
    self.idle = IdleMachine(timeout: life.maxIdle, now: now)
    self.updateNext()
  }

  mutating func drainBegan(now: MonotonicInstant) {
    self.drainEnd = now.advanced(by: Self.drainTimeout)
  }

  /// Whether the time of a drain's PING is over; true once.
  mutating func takeDrainEnd(now: MonotonicInstant) -> Bool {
    guard self.drainEnd <= now else { return false }
    self.drainEnd = .distantFuture
    return true
  }

  mutating func updateNext() {
    self.next = min(
      self.keepalive.next ?? .distantFuture,
      self.age.next ?? .distantFuture,
      self.idle.next ?? .distantFuture,
      self.drainEnd
    )
  }
}
