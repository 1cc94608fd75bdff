public import BulwarkCore
public import BulwarkHTTP2
public import BulwarkWire
import DequeModule
import struct NIOCore.ByteBuffer

/// A gRPC client and a gRPC server, joined by two queues of bytes in virtual time.
///
/// Both connections are the real ones; the sockets, tasks and clocks around them are replaced by this class.
/// Handlers and callers are scripts. Nothing here waits, starts a thread or depends on chance: the same
/// configuration, the same scripts and the same seed give the same run, to the byte, which ``trace`` shows.
///
/// ```
/// let pair = LinkedPair(handlers: [ScriptedHandler(echo) { _, input in
///   if case .message(let request) = input { [.answer(request)] } else { [] }
/// }])
/// let call = pair.start(CallPlan(echo, message: request))
/// pair.run()
/// pair.calls[call].outcome
/// ```
///
/// Use it from one thread.
public final class LinkedPair {
  /// What the two sides and the way between them are like.
  public struct Configuration: Sendable {
    /// The client's HTTP/2 limits.
    public var clientHTTP2 = HTTP2Limits()
    /// The server's HTTP/2 limits.
    public var serverHTTP2 = HTTP2Limits()
    /// The client's limits above HTTP/2.
    public var client = WireLimits()
    /// The server's limits above HTTP/2.
    public var server = WireLimits()
    /// Whether and when the client pings.
    public var clientKeepalive = ClientKeepalive()
    /// How long the connection lives at the server, and how often the client may ping.
    public var serverLife = ServerConnectionLife()
    /// What the client reads.
    public var clientAccepts = CompressionAlgorithms.all
    /// How the server compresses, and what it reads.
    public var serverCompression = CompressionOptions()
    /// The way from the client to the server.
    public var toServer = LinkConditions()
    /// The way from the server to the client.
    public var toClient = LinkConditions()
    /// What the link's chance follows from.
    public var seed: UInt64 = 0

    /// Default limits on both sides, and a perfect link.
    public init() {}
  }

  /// The time on both sides.
  public let clock = VirtualClock()
  /// The client's end.
  public let client: ClientConnection
  /// The server's end.
  public let server: ServerConnection
  /// Every call, by the number that ``start(_:)`` gave it.
  public internal(set) var calls: [CallRecord] = []
  /// What the connections did and must not do, for example a second end of a call. Empty if all is well.
  public internal(set) var violations: [String] = []
  /// A fingerprint of the run so far.
  public internal(set) var trace = TraceHash()
  /// Asked after each frame that goes into the link; not between the frames of one header block, and for
  /// `resetStream` only about streams.
  public var interfere: (LinkedFrame) -> Interference? = { _ in nil }
  /// How many frames have gone each way.
  public private(set) var frameCounts: [LinkDirection: Int] = [.toServer: 0, .toClient: 0]
  /// Whether the client's side of the connection is up.
  public internal(set) var isClientOpen = true
  /// Whether the server's side of the connection is up.
  public internal(set) var isServerOpen = true

  var links: [LinkDirection: FaultyLink]
  private var scanners: [LinkDirection: FrameScanner] = [
    .toServer: FrameScanner(skippingPreface: true), .toClient: FrameScanner(skippingPreface: false),
  ]

  // The client's side.
  var callers: [Caller] = []
  var liveCallers: [Int] = []
  var waitingCalls = Deque<Int>()
  var callsByStream: [HTTP2StreamID: Int] = [:]
  var isGoingAway = false

  // The server's side.
  let scripts: [MethodDescriptor: ScriptedHandler]
  var handlers: [RunningScript] = []

  /// Joins a client and a server that serves these methods, behind these gates. Nothing has been sent yet.
  ///
  /// Scripts are no tasks: a gate that lets a call wait lets it in at once here.
  public init(
    handlers: [ScriptedHandler],
    gates: [any AdmissionGate] = [],
    _ configuration: Configuration = Configuration()
  ) {
    var registry = ServiceRegistry()
    for handler in handlers {
      // The scripts stand in for these, which never run.
      registry.register(
        handler.method,
        handler: handler.method.kind == .unary ? .unary { message, _ in message } : .stream { _, _, _ in }
      )
    }
    registry.protect(gates: gates, interceptors: [])
    self.scripts = Dictionary(handlers.map { ($0.method, $0) }, uniquingKeysWith: { $1 })
    var generator = SeededGenerator(seed: configuration.seed)
    self.links = [
      .toServer: FaultyLink(configuration.toServer, generator.split()),
      .toClient: FaultyLink(configuration.toClient, generator.split()),
    ]
    self.client = ClientConnection(
      authority: "server.test",
      userAgent: "linked-pair",
      http2Limits: configuration.clientHTTP2,
      limits: configuration.client,
      keepalive: configuration.clientKeepalive,
      accepting: configuration.clientAccepts,
      now: self.clock.now
    )
    self.server = ServerConnection(
      methods: MethodTable(registry),
      peer: Peer(address: "linked-pair"),
      http2Limits: configuration.serverHTTP2,
      limits: configuration.server,
      life: configuration.serverLife,
      compression: configuration.serverCompression,
      time: self.clock.timeSource,
      now: self.clock.now
    )
  }

  // MARK: - Faults

  /// Lets nothing arrive in this direction for so long from now.
  public func stall(_ direction: LinkDirection, for duration: Duration) {
    self.links[direction]?.stall(until: self.clock.now.advanced(by: duration))
  }

  /// Changes how bytes travel in this direction from now on; those on their way are not touched.
  public func setConditions(_ conditions: LinkConditions, for direction: LinkDirection) {
    self.links[direction]?.conditions = conditions
  }

  /// Breaks the connection now: what was on its way is lost, and both sides learn of it.
  public func cut() {
    self.links[.toServer]?.drop()
    self.links[.toClient]?.drop()
    self.connectionLost(.toServer)
    self.connectionLost(.toClient)
  }

  // MARK: - Carrying bytes

  /// Puts bytes on their way, with what the test does between their frames.
  func carry(_ bytes: ByteBuffer, _ direction: LinkDirection) {
    var rest = bytes
    var sent = bytes.readerIndex
    while let header = self.scanners[direction]?.next(in: &rest) {
      let frame = LinkedFrame(
        direction: direction,
        index: self.frameCounts[direction, default: 0],
        kind: header.kind,
        flags: header.flags,
        stream: header.stream,
        length: header.length
      )
      self.frameCounts[direction, default: 0] += 1
      guard frame.kind != .headers || frame.flags.contains(.endHeaders),
        let interference = self.interfere(frame)
      else { continue }
      if let part = bytes.getSlice(at: sent, length: rest.readerIndex - sent) {
        self.links[direction]?.send(part, now: self.clock.now)
        sent = rest.readerIndex
      }
      self.apply(interference, after: frame)
    }
    if let part = bytes.getSlice(at: sent, length: bytes.writerIndex - sent) {
      self.links[direction]?.send(part, now: self.clock.now)
    }
  }

  private func apply(_ interference: Interference, after frame: LinkedFrame) {
    switch interference {
    case .resetStream(let code):
      guard frame.stream > 0 else { return }
      let reset = ByteBuffer(bytes: RawFrame.reset(frame.stream, code: code).bytes)
      self.links[.toServer]?.send(reset, now: self.clock.now)
      self.links[.toClient]?.send(reset, now: self.clock.now)
    case .cut:
      self.links[frame.direction]?.end(with: .cut, now: self.clock.now)
    }
  }

  /// Hands over the next piece that is due; false if there is none.
  func deliver(_ direction: LinkDirection) -> Bool {
    guard let arrival = self.links[direction]?.next(now: self.clock.now) else { return false }
    switch arrival {
    case .bytes(let piece):
      self.note(direction == .toServer ? 1 : 2, piece.readableBytes)
      switch direction {
      case .toServer where self.isServerOpen: self.server.receive(piece, now: self.clock.now)
      case .toClient where self.isClientOpen: self.client.receive(piece, now: self.clock.now)
      default: break
      }
    case .end:
      self.connectionLost(direction)
    case .cut:
      self.cut()
    }
    return true
  }

  /// The receiver of this direction has lost its connection, or closed it.
  func connectionLost(_ direction: LinkDirection) {
    switch direction {
    case .toServer:
      guard self.isServerOpen else { return }
      self.isServerOpen = false
      self.links[.toServer]?.drop()
      self.links[.toClient]?.end(with: .end, now: self.clock.now)
      self.server.connectionClosed(now: self.clock.now)
    case .toClient:
      guard self.isClientOpen else { return }
      self.isClientOpen = false
      self.links[.toClient]?.drop()
      self.links[.toServer]?.end(with: .end, now: self.clock.now)
      self.client.connectionClosed()
    }
    self.note(direction == .toServer ? 3 : 4)
  }

  /// Adds an occurrence to the trace.
  func note(_ what: Int, _ details: Int...) {
    self.trace.combine(self.clock.now.nanoseconds)
    self.trace.combine(what)
    for detail in details {
      self.trace.combine(detail)
    }
  }
}
