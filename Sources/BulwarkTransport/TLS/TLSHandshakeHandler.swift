import BulwarkCore
import NIOCore
import NIOSSL
import NIOTLS

/// Stands behind the TLS handler of a new connection until its handshake has ended, within its time.
///
/// Then it puts the HTTP/2 handler into its place, before the first decrypted byte comes; nothing of HTTP/2 is said to
/// a peer that has not agreed on it. Used on its event loop only.
final class TLSHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer

  /// What a handshake has to come to.
  struct Terms {
    /// When the time is up.
    var deadline: NIODeadline
    /// What that is called where it is told.
    var limit: Duration
    /// The name that TLS looks for in the certificate, if there is one.
    var serverName: String?
    /// A URI name that the certificate must have.
    var uriName: String?
  }

  private let failure: TLSFailure
  private let terms: Terms
  private let makeHandler: (PeerIdentity?) -> any ChannelHandler
  private let onFailure: (String) -> Void
  private var timer: Scheduled<Void>?
  private var isOver = false

  /// - Parameters:
  ///   - makeHandler: makes the HTTP/2 handler for a peer that has proved to be this, or did not have to.
  ///   - onFailure: called once, unless that was, with what went wrong; the channel is being closed.
  init(
    side: CallSide,
    terms: Terms,
    makeHandler: @escaping (PeerIdentity?) -> any ChannelHandler,
    onFailure: @escaping (String) -> Void
  ) {
    self.failure = TLSFailure(side: side)
    self.terms = terms
    self.makeHandler = makeHandler
    self.onFailure = onFailure
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: self.terms.deadline) {
      self.fail(self.failure.timedOut(after: self.terms.limit), context)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .handshakeCompleted(let negotiated) = event as? TLSUserEvent else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    guard !self.isOver else { return }
    guard negotiated == TLSProfile.http2 else {
      self.fail(self.failure.noHTTP2(negotiated: negotiated), context)
      return
    }
    do {
      try self.succeed(context)
    } catch {
      self.fail("the peer's certificate cannot be read: \(error)", context)
    }
  }

  private func succeed(_ context: ChannelHandlerContext) throws {
    let identity = try self.certificate(context).map { try PeerIdentity(verified: $0) }
    if let uriName = self.terms.uriName, identity?.uriNames.contains(uriName) != true {
      self.fail("the server's certificate is not for \(uriName)", context)
      return
    }
    self.end()
    let pipeline = context.pipeline.syncOperations
    try pipeline.addHandler(self.makeHandler(identity), position: .after(self))
    pipeline.removeHandler(context: context, promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let reason = self.failure.reason(
      of: error,
      certificate: try? self.certificate(context),
      name: self.terms.serverName
    )
    self.fail(reason, context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.fail(self.failure.closed, context)
    context.fireChannelInactive()
  }

  private func certificate(_ context: ChannelHandlerContext) throws -> NIOSSLCertificate? {
    try context.pipeline.syncOperations.handler(type: NIOSSLHandler.self).peerCertificate
  }

  private func fail(_ reason: String, _ context: ChannelHandlerContext) {
    guard !self.isOver else { return }
    self.end()
    self.onFailure(reason)
    context.close(promise: nil)
  }

  private func end() {
    self.isOver = true
    self.timer?.cancel()
    self.timer = nil
  }
}
