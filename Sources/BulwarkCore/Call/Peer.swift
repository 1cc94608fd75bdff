/// Who is at the other end of a connection: its address, and over TLS what it has proved to be.
///
/// Cheap to copy: the copies that go along with the calls of a connection share one object.
public struct Peer: Hashable, Sendable, CustomStringConvertible {
  private final class Storage: Sendable {
    let address: String
    let identity: PeerIdentity?
    let key: String

    init(address: String, identity: PeerIdentity?) {
      self.address = address
      self.identity = identity
      self.key = identity?.key ?? Peer.withoutPort(address)
    }
  }

  private let storage: Storage

  /// Creates a peer from its address, and its identity if that was verified.
  public init(address: String, identity: PeerIdentity? = nil) {
    self.storage = Storage(address: address, identity: identity)
  }

  /// The peer's address, for example `ipv4:127.0.0.1:50051`, `ipv6:[::1]:50051` or `unix:/run/node.sock`; of a server,
  /// as its client sees it, the endpoint that the client was given.
  public var address: String { self.storage.address }

  /// What the peer's certificate says, once it was verified against the trust roots of this end; nil without TLS, and
  /// for a client that showed no certificate.
  public var identity: PeerIdentity? { self.storage.identity }

  /// One text for all connections of one peer, to key limits and permissions by.
  ///
  /// With an identity it is ``PeerIdentity/key``: the same from any address, and for as long as the peer's certificates
  /// carry the same name. Without one it is the address without its port, for example `ipv4:10.0.0.7`, `ipv6:[::1]` or
  /// `unix:`; then all that share an address share a key, and who has many addresses has many keys. The two kinds
  /// never meet.
  public var key: String { self.storage.key }

  /// The address, with the key after it if the peer has an identity.
  public var description: String {
    self.identity == nil ? self.address : "\(self.address) (\(self.key))"
  }

  public static func == (left: Peer, right: Peer) -> Bool {
    left.storage === right.storage || (left.address == right.address && left.identity == right.identity)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(self.address)
    hasher.combine(self.key)
  }

  private static func withoutPort(_ address: String) -> String {
    guard !address.hasPrefix("unix:"), let colon = address.lastIndex(of: ":"),
      case let port = address[address.index(after: colon)...], !port.isEmpty,
      port.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return address }
    return String(address[..<colon])
  }
}
