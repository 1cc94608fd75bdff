import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore

/// How bad things get in a run.
enum Weather: String, CaseIterable {
  /// Nothing fails; windows, pieces and delays are as awkward as they may be.
  case calm
  /// Calls fail, are cancelled, reset and run out of time; the connection holds.
  case rough
  /// The connection itself ends somehow, at some time.
  case broken
}

/// What a handler does with its call.
enum Behaviour {
  /// Reads all requests, then answers; a bidirectional one answers each.
  case answer
  /// Answers with OK after so many requests.
  case answerEarly(after: Int)
  /// Fails after so many messages.
  case fail(after: Int, StatusCode)
  /// Never answers.
  case hang
}

/// A call, and the handler's side of it.
struct PlannedCall {
  var at: Duration
  var plan: CallPlan
  var behaviour: Behaviour
  var pause: Duration
  var responses: [ByteBuffer]
}

/// What happens to a run from outside.
enum Fault {
  case stall(LinkDirection, Duration)
  case cancel(Int)
  case cut
  case stopServer
  case stopClient
  case abortServer
}

/// A run that follows from its seed alone: limits, link, calls and faults.
struct Scenario {
  let seed: UInt64
  var weather: Weather
  var configuration = LinkedPair.Configuration()
  var calls: [PlannedCall] = []
  var faults: [(at: Duration, fault: Fault)] = []
  /// What happens after a frame, instead of resets at random.
  var spoil: ((LinkedFrame) -> Interference?)?
  /// One frame in so many has its stream reset; none if 0.
  var resetOneFrameIn = 0
  /// Whether a call may be refused, or a message be too large.
  var hasTightLimits = false
  private var generator: SeededGenerator
  private var largestMessage = 0

  static let methods: [MethodDescriptor] = [
    MethodDescriptor(service: "simulation.Service", method: "Unary", kind: .unary),
    MethodDescriptor(service: "simulation.Service", method: "Upload", kind: .clientStreaming),
    MethodDescriptor(service: "simulation.Service", method: "Download", kind: .serverStreaming),
    MethodDescriptor(service: "simulation.Service", method: "Chat", kind: .bidirectional),
  ]

  init(seed: UInt64, weather: Weather) {
    self.seed = seed
    self.weather = weather
    self.generator = SeededGenerator(seed: seed &* 3 &+ UInt64(weather.rawValue.utf8.count))
    self.chooseLimitsAndLink()
    let count = Int.random(in: 1...6, using: &self.generator)
    for index in 0..<count {
      self.calls.append(self.call(index))
    }
    self.chooseFaults()
  }

  // MARK: - Limits and link

  private mutating func chooseLimitsAndLink() {
    // The smaller the pieces, the smaller the messages, or a run would take long.
    let (size, pieces, windows) =
      [
        (60, 1...3, [1, 17, 100]), (60, 1...40, [1, 100, 65_535]), (3_000, 1...300, [50, 1_000, 65_535]),
        (40_000, 300...9_000, [1_000, 16_384, 65_535]), (300_000, 5_000...70_000, [16_384, 65_535, 1 << 20]),
      ].randomElement(using: &self.generator) ?? (60, 1...3, [1])
    self.largestMessage = size
    self.configuration.seed = self.generator.next()
    for side in [\LinkedPair.Configuration.toServer, \LinkedPair.Configuration.toClient] {
      self.configuration[keyPath: side].pieces = pieces
      self.configuration[keyPath: side].latency = self.duration(upTo: .milliseconds(20))
      self.configuration[keyPath: side].jitter = self.duration(upTo: .milliseconds(3))
      self.configuration[keyPath: side].capacity =
        [1, 500, 20_000, 256 * 1024].randomElement(using: &self.generator) ?? 1
      if self.generator.oneIn(4) {
        self.configuration[keyPath: side].bytesPerSecond = 100_000
      }
    }
    for side in [\LinkedPair.Configuration.serverHTTP2, \LinkedPair.Configuration.clientHTTP2] {
      self.configuration[keyPath: side].streamWindow = windows.randomElement(using: &self.generator) ?? 1
      self.configuration[keyPath: side].connectionWindow =
        [65_535, 4 << 20].randomElement(using: &self.generator) ?? 65_535
    }
    self.configuration.serverCompression.algorithm =
      CompressionAlgorithm.allCases.randomElement(using: &self.generator) ?? .identity
    self.configuration.serverCompression.minimumBytes = Int.random(in: 0...size, using: &self.generator)
    self.configuration.serverHTTP2.maxConcurrentStreams = Int.random(in: 1...8, using: &self.generator)
    // A call that hangs is a fault to be found, not to be ended by the server's own timer.
    self.configuration.server.stallTimeout = 36_000_000_000_000
    if self.weather != .calm && self.generator.oneIn(3) {
      self.hasTightLimits = true
      self.configuration.server.maxRunningHandlers = Int.random(in: 1...4, using: &self.generator)
      self.configuration.server.maxReceiveMessageBytes = size / 2
      self.configuration.server.maxCollectingBytes = size
    }
  }

  // MARK: - Calls

  private mutating func call(_ index: Int) -> PlannedCall {
    let method = Self.methods.randomElement(using: &self.generator) ?? Self.methods[0]
    var plan: CallPlan
    switch method.kind {
    case .unary, .serverStreaming:
      plan = CallPlan(method, message: self.message())
    case .clientStreaming, .bidirectional:
      var steps: [CallStep] = []
      for _ in 0..<self.messageCount() {
        if self.generator.oneIn(3) { steps.append(.wait(self.duration(upTo: .milliseconds(30)))) }
        steps.append(.send(self.message()))
      }
      plan = CallPlan(method, steps: steps + [.finish])
    }
    plan.metadata = ["call": "\(index)"]
    plan.compression = CompressionAlgorithm.allCases.randomElement(using: &self.generator) ?? .identity
    if self.generator.oneIn(3) { plan.readDelay = self.duration(upTo: .milliseconds(20)) }
    var behaviour = Behaviour.answer
    if self.weather != .calm {
      behaviour = self.behaviour()
      if self.generator.oneIn(4) { plan.timeout = self.duration(upTo: .milliseconds(300)) }
      if self.generator.oneIn(4) {
        let place = Int.random(in: 0...plan.steps.count, using: &self.generator)
        plan.steps.insert(contentsOf: [.wait(self.duration(upTo: .milliseconds(60))), .cancel], at: place)
      }
      if case .hang = behaviour { plan.timeout = self.duration(upTo: .seconds(1)) }
      if self.hasTightLimits { plan.maxResponseBytes = self.largestMessage / 2 }
    } else if self.generator.oneIn(3) {
      behaviour = self.generator.oneIn(2) ? .answerEarly(after: 1) : .fail(after: 1, .aborted)
    }
    return PlannedCall(
      at: self.duration(upTo: .milliseconds(200)),
      plan: plan,
      behaviour: behaviour,
      pause: self.generator.oneIn(2) ? self.duration(upTo: .milliseconds(20)) : .zero,
      responses: (0..<max(self.messageCount(), 1)).map { _ in self.message() }
    )
  }

  private mutating func behaviour() -> Behaviour {
    let after = Int.random(in: 0...3, using: &self.generator)
    return switch Int.random(in: 0..<8, using: &self.generator) {
    case 0: .answerEarly(after: after)
    case 1: .fail(after: after, StatusCode(wireValue: Int.random(in: 1...16, using: &self.generator)))
    case 2: .hang
    default: .answer
    }
  }

  private mutating func messageCount() -> Int {
    Int.random(in: 0...(self.largestMessage > 100_000 ? 2 : 6), using: &self.generator)
  }

  private mutating func message() -> ByteBuffer {
    let largest = self.generator.oneIn(3) ? self.largestMessage : self.largestMessage / 20
    let size = self.generator.oneIn(8) ? 0 : Int.random(in: 0...largest, using: &self.generator)
    return Pattern.bytes(size, from: Int.random(in: 0..<Pattern.period, using: &self.generator))
  }

  // MARK: - Faults

  private mutating func chooseFaults() {
    guard self.weather != .calm else { return }
    if self.generator.oneIn(3) {
      self.resetOneFrameIn = Int.random(in: 10...100, using: &self.generator)
    }
    for _ in 0..<Int.random(in: 0...3, using: &self.generator) {
      let fault: Fault =
        self.generator.oneIn(2)
        ? .stall(self.generator.oneIn(2) ? .toServer : .toClient, self.duration(upTo: .milliseconds(300)))
        : .cancel(Int.random(in: self.calls.indices, using: &self.generator))
      self.faults.append((self.duration(upTo: .milliseconds(400)), fault))
    }
    if self.weather == .broken {
      let ends: [Fault] = [.cut, .cut, .stopServer, .stopClient, .abortServer]
      let end = ends.randomElement(using: &self.generator) ?? .cut
      self.faults.append((self.duration(upTo: .milliseconds(400)), end))
    }
  }

  private mutating func duration(upTo longest: Duration) -> Duration {
    guard !self.generator.oneIn(4) else { return .zero }
    return .nanoseconds(Int64.random(in: 0...longest.saturatedNanoseconds, using: &self.generator))
  }
}

/// Bytes that show where they belong: a slice of one long buffer, which costs no copy.
enum Pattern {
  static let period = 251
  private static let all = {
    var bytes = ByteBuffer()
    let block = (0..<period * 100).map { UInt8($0 % period) }
    for _ in 0..<16 {
      bytes.writeBytes(block)
    }
    return bytes
  }()

  static func bytes(_ count: Int, from start: Int) -> ByteBuffer {
    self.all.getSlice(at: start, length: count) ?? ByteBuffer()
  }
}
