/// Counts what a peer makes this side do, and says when it is too much.
///
/// nghttp2 has limits of its own against some of these floods. They cannot be given a clock, end the connection
/// without saying why, or count what is legal, so they stand behind this guard, out of the way.
struct FloodGuard: Sendable {
  /// The budget that a peer has used up. The text goes into the GOAWAY frame.
  enum Flood: String {
    case resets = "too many resets"
    case glitches = "too many faults"
    case controlFrames = "too many control frames"
    case continuations = "too many continuations"
  }

  /// Control tokens that a frame of useful traffic gives back: Envoy's figures (protocol_constraints.cc) allow
  /// two WINDOW_UPDATE frames for each stream and twenty for each DATA frame sent.
  private static let tokensPerFrameReceived: Int64 = 2
  private static let tokensPerDataFrameSent: Int64 = 20

  private let maxContinuations: Int
  private let maxEmptyDataFrames: Int
  /// Nil for a client: its server can only reset streams that the client itself opened.
  private var resets: TokenBucket?
  private var glitches: TokenBucket
  private var controlFrames: TokenBucket
  private var continuations = 0
  private var emptyDataFrames = 0

  init(limits: HTTP2Limits, limitsResets: Bool, now: Int64) {
    self.maxContinuations = limits.maxContinuations
    self.maxEmptyDataFrames = limits.maxEmptyDataFrames
    self.resets =
      limitsResets
      ? TokenBucket(burst: limits.resetBurst, perSecond: limits.resetsPerSecond, now: now) : nil
    self.glitches = TokenBucket(burst: limits.glitchBurst, perSecond: limits.glitchesPerSecond, now: now)
    self.controlFrames = TokenBucket(
      burst: limits.controlFrameBurst,
      perSecond: limits.controlFramesPerSecond,
      now: now
    )
  }

  mutating func receivedTraffic(now: Int64) {
    self.continuations = 0
    self.controlFrames.restore(Self.tokensPerFrameReceived, now: now)
  }

  mutating func sentData(now: Int64) {
    self.controlFrames.restore(Self.tokensPerDataFrameSent, now: now)
  }

  mutating func receivedControlFrame(now: Int64) -> Flood? {
    self.controlFrames.take(now: now) ? nil : .controlFrames
  }

  mutating func receivedContinuation() -> Flood? {
    self.continuations += 1
    return self.continuations <= self.maxContinuations ? nil : .continuations
  }

  mutating func receivedReset(now: Int64) -> Flood? {
    guard self.resets?.take(now: now) == false else { return nil }
    return .resets
  }

  /// A stream of the peer has ended in order on both sides.
  mutating func streamEnded(now: Int64) {
    self.resets?.restore(1, now: now)
  }

  /// True if an empty DATA frame is a fault, to be charged as a glitch.
  mutating func receivedData(isEmpty: Bool) -> Bool {
    guard isEmpty else {
      self.emptyDataFrames = 0
      return false
    }
    self.emptyDataFrames &+= 1
    return self.emptyDataFrames > self.maxEmptyDataFrames
  }

  mutating func glitch(now: Int64) -> Flood? {
    self.glitches.take(now: now) ? nil : .glitches
  }
}
