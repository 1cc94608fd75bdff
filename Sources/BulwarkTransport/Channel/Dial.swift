import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import NIOCore
import NIOPosix
import NIOSSL

/// One attempt to connect to an endpoint: TCP or a Unix socket, and TLS on it if the client speaks TLS.
///
/// Used on its event loop only.
final class Dial {
  /// What all attempts of a client have in common.
  struct Terms {
    let configuration: ClientConfiguration
    let keepalive: KeepalivePace
    let memory: HTTP2Memory
    let writeBuffer: WriteBuffer
    /// What is sent as `:authority`.
    let authority: String
    /// The name that the server's certificate is asked for; nil where there is only an address.
    let serverName: String?
    /// Where the connections are to be seen.
    let channelz: ChannelzSubchannel?
  }

  private let endpoint: Endpoint
  private let terms: Terms
  private let eventLoop: any EventLoop
  /// Kept alive by the attempt, and let go with it.
  private let owner: any ClientConnectionOwner
  private let onEnd: (Dial, Result<(ClientChannelHandler, PeerIdentity?), Failure>) -> Void
  private let deadline: NIODeadline
  /// The channel whose TLS handshake is going on.
  private var securing: (any Channel)?
  private var isCancelled = false

  struct Failure: Error {
    let reason: String
  }

  /// - Parameters:
  ///   - owner: whom the connection tells what becomes of it.
  ///   - onEnd: called once, on the loop; what it is given on success is about to become, or already is, active.
  init(
    to endpoint: Endpoint,
    _ terms: Terms,
    on eventLoop: any EventLoop,
    owner: any ClientConnectionOwner,
    onEnd: @escaping (Dial, Result<(ClientChannelHandler, PeerIdentity?), Failure>) -> Void
  ) {
    self.endpoint = endpoint
    self.terms = terms
    self.eventLoop = eventLoop
    self.owner = owner
    self.onEnd = onEnd
    self.deadline = .now() + TimeAmount(terms.configuration.connectTimeout)
  }

  /// Whether a channel of it is open that nobody else knows of.
  var isSecuring: Bool { self.securing != nil }

  func begin() {
    do {
      try self.terms.configuration.http2.validate()
    } catch {
      self.onEnd(self, .failure(Failure(reason: "\(error)")))
      return
    }
    let dial = NIOLoopBound(self, eventLoop: self.eventLoop)
    let bootstrap = ClientBootstrap(group: self.eventLoop)
      .connectTimeout(TimeAmount(self.terms.configuration.connectTimeout))
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelOption(.recvAllocator, value: ReceiveBuffer.allocator)
      // Run once for each address that is tried: each channel has a connection of its own. Over TLS only the one that
      // is connected gets its handlers, before anything can come.
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard dial.value.terms.configuration.tls == nil else { return }
          try channel.pipeline.syncOperations.addHandler(dial.value.makeHandler())
        }
      }
    self.connect(bootstrap).whenComplete { result in
      dial.value.connectCompleted(result)
    }
  }

  /// Gives the attempt up; it still ends.
  func cancel() {
    self.isCancelled = true
    self.securing?.close(promise: nil)
  }

  private func connect(_ bootstrap: ClientBootstrap) -> EventLoopFuture<any Channel> {
    switch self.endpoint {
    case .tcp(let host, let port):
      let keepalive = self.terms.keepalive.current
      let bootstrap = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .userTimeout(keepalive.time.map { _ in keepalive.timeout })
      // An address needs no resolver, which takes a thread of its own for each attempt.
      guard let address = try? SocketAddress(ipAddress: host, port: port) else {
        return bootstrap.connect(host: host, port: port)
      }
      return bootstrap.connect(to: address)
    case .unix(let path):
      return bootstrap.connect(unixDomainSocketPath: path)
    }
  }

  private func makeHandler() -> ClientChannelHandler {
    let configuration = self.terms.configuration
    let isSecure = configuration.tls != nil
    let keepalive = self.terms.keepalive
    let pace = keepalive.current
    let connection = ClientConnection(
      authority: self.terms.authority,
      userAgent: configuration.userAgent,
      isSecure: isSecure,
      http2Limits: configuration.http2,
      limits: configuration.limits,
      keepalive: pace,
      accepting: configuration.compression.accepted,
      memory: self.terms.memory,
      now: .now()
    )
    connection.counters = self.terms.channelz?.makeCounters()
    let handler = ClientChannelHandler(
      connection: connection,
      owner: self.owner,
      writeBuffer: self.terms.writeBuffer,
      earlyCloseReason: isSecure ? TLSFailure(side: .client).closedAfterwards : nil
    )
    handler.onTooManyPings = { keepalive.slowDown(from: pace) }
    return handler
  }

  private func connectCompleted(_ result: Result<any Channel, any Error>) {
    do {
      let channel = try result.get()
      guard !self.isCancelled else {
        channel.close(promise: nil)
        throw Failure(reason: "given up")
      }
      if let tls = self.terms.configuration.tls {
        try self.secure(channel, tls)
      } else {
        let handler = try channel.pipeline.syncOperations.handler(type: ClientChannelHandler.self)
        self.terms.channelz?.addConnection(handler.connection, on: channel, nil)
        self.onEnd(self, .success((handler, nil)))
      }
    } catch {
      self.onEnd(self, .failure(error as? Failure ?? Failure(reason: "\(error)")))
    }
  }

  /// Has the TLS handshake done on a connection that stands.
  private func secure(_ channel: any Channel, _ tls: ClientTLS) throws {
    do {
      let security = try NIOSSLClientHandler(
        context: tls.credentials.contexts.context(for: tls.profile),
        serverHostname: self.terms.serverName
      )
      self.securing = channel
      try channel.pipeline.syncOperations.addHandlers(security, self.handshake(tls, on: channel))
    } catch {
      self.securing = nil
      channel.close(promise: nil)
      throw error
    }
  }

  private func handshake(_ tls: ClientTLS, on channel: any Channel) -> TLSHandshakeHandler {
    var terms = TLSHandshakeHandler.Terms(
      deadline: self.deadline,
      limit: self.terms.configuration.connectTimeout
    )
    terms.serverName = self.terms.serverName
    if case .uri(let name) = tls.verification { terms.uriName = name }
    return TLSHandshakeHandler(side: .client, terms: terms) { identity in
      self.securing = nil
      let handler = self.makeHandler()
      self.terms.channelz?.addConnection(handler.connection, on: channel, tls.credentials)
      self.onEnd(self, .success((handler, identity)))
      return handler
    } onFailure: { reason in
      self.securing = nil
      self.onEnd(self, .failure(Failure(reason: reason)))
    }
  }
}
