import BulwarkCore
import BulwarkWire
import NIOCore

/// What the endpoints tell the client, on its event loop.
protocol EndpointSetOwner: AnyObject {
  /// Calls that wait for an endpoint may have one now, or fail.
  func picksChanged()
  /// The calls that wait at this endpoint have to go elsewhere.
  func picksEnded(_ subchannel: Subchannel)
  func hasRoom(_ subchannel: Subchannel)
  func callEnded(_ call: ClientCall, _ failure: ClientFailure?)
  func connectionEnded()
}

/// The endpoints of a client, and which of them a call goes to.
///
/// Used on its event loop only.
final class EndpointSet: SubchannelOwner {
  enum Pick {
    case endpoint(Subchannel)
    /// Until the picks change.
    case wait
    /// Unless the call waits for a connection.
    case fail(RPCError)
  }

  weak var owner: (any EndpointSetOwner)?

  private let server: KnownPeer
  private var subchannel: Subchannel?
  private var isClosed = false

  init(of endpoint: Endpoint, _ terms: Dial.Terms, server: KnownPeer, on eventLoop: any EventLoop) {
    self.server = server
    self.subchannel = nil
    self.subchannel = Subchannel(to: endpoint, terms, on: eventLoop, owner: self)
  }

  func pick() -> Pick {
    guard let subchannel = self.subchannel else { return .wait }
    if subchannel.connectivity == .ready { return .endpoint(subchannel) }
    if let error = subchannel.lastError { return .fail(error) }
    return .wait
  }

  func connect() {
    self.subchannel?.connect()
  }

  func stateChanged(_ subchannel: Subchannel) {
    switch subchannel.connectivity {
    case .ready, .transientFailure: self.owner?.picksChanged()
    case .idle: if !self.isClosed { subchannel.connect() }
    default: break
    }
    if subchannel.connectivity != .ready { self.owner?.picksEnded(subchannel) }
  }

  func hasRoom(_ subchannel: Subchannel) {
    self.owner?.hasRoom(subchannel)
  }

  func callEnded(_ call: ClientCall, _ failure: ClientFailure?) {
    self.owner?.callEnded(call, failure)
  }

  func identified(_ subchannel: Subchannel, as identity: PeerIdentity?) {
    self.server.value = Peer(address: subchannel.endpoint.description, identity: identity)
  }

  func connectionEnded(_ subchannel: Subchannel) {
    self.owner?.connectionEnded()
  }

  func close() {
    self.isClosed = true
    self.subchannel?.close()
  }

  var isGone: Bool { self.subchannel?.isGone ?? true }
}
