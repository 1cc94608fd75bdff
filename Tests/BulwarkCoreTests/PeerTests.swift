import BulwarkCore
import Testing

@Suite struct PeerTests {
  private func identity(
    uris: [String] = [],
    names: [String] = [],
    commonName: String? = nil,
    key: [UInt8] = [0x0a, 0xff]
  ) -> PeerIdentity {
    PeerIdentity(
      certificate: [1],
      publicKey: key,
      uriNames: uris,
      dnsNames: names,
      commonName: commonName
    )
  }

  @Test(arguments: [
    ("ipv4:10.0.0.7:50051", "ipv4:10.0.0.7"),
    ("ipv6:[::1]:9", "ipv6:[::1]"),
    ("node.example:443", "node.example"),
    ("[::1]:443", "[::1]"),
    ("unix:/run/node.sock:1", "unix:/run/node.sock:1"),
    ("unix:", "unix:"),
    ("ipv6:[fe80::1]", "ipv6:[fe80::1]"),
    ("unknown", "unknown"),
    ("host:", "host:"),
    ("", ""),
  ])
  func withoutAnIdentityTheKeyIsTheAddressWithoutItsPort(address: String, key: String) {
    #expect(Peer(address: address).key == key)
  }

  @Test func withAnIdentityTheKeyIsTheSameFromAnyAddress() {
    let identity = self.identity(uris: ["spiffe://chain/validator/3"])
    let first = Peer(address: "ipv4:10.0.0.7:50051", identity: identity)
    let second = Peer(address: "ipv4:10.0.0.8:50052", identity: identity)
    #expect(first.key == "uri:spiffe://chain/validator/3")
    #expect(second.key == first.key)
    #expect(first != second)
    #expect(first.description == "ipv4:10.0.0.7:50051 (uri:spiffe://chain/validator/3)")
  }

  @Test func theKeyIsTheStrongestNameOfTheCertificate() {
    #expect(self.identity(uris: ["a:b", "c:d"], names: ["n"], commonName: "c").key == "uri:a:b")
    #expect(self.identity(names: ["n", "m"], commonName: "c").key == "dns:n")
    #expect(self.identity(commonName: "c").key == "cn:c")
    #expect(self.identity().key == "key:0aff")
  }

  @Test func aNameOfOneKindIsNotAPeerOfAnother() {
    let named = Peer(address: "unknown", identity: self.identity(commonName: "ipv4:10.0.0.7"))
    #expect(named.key != Peer(address: "ipv4:10.0.0.7:1").key)
    #expect(named.key != Peer(address: "unknown", identity: self.identity(names: ["ipv4:10.0.0.7"])).key)
  }

  @Test func peersAreComparedByAddressAndIdentity() {
    let identity = self.identity(names: ["n"])
    #expect(Peer(address: "a", identity: identity) == Peer(address: "a", identity: identity))
    #expect(Peer(address: "a", identity: identity) != Peer(address: "a"))
    #expect(Set([Peer(address: "a"), Peer(address: "a"), Peer(address: "b")]).count == 2)
  }

  @Test func copiesOfAPeerAreOneReference() {
    #expect(MemoryLayout<Peer>.size == MemoryLayout<AnyObject>.size)
  }
}
