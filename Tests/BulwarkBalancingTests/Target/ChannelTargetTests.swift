import Testing

@testable import BulwarkBalancing

@Suite struct ChannelTargetTests {
  private static func ipv4(_ host: String, _ port: UInt16) -> InternetAddress {
    InternetAddress(host: host, port: port, isIPv6: false)
  }

  private static func ipv6(_ host: String, _ port: UInt16) -> InternetAddress {
    InternetAddress(host: host, port: port, isIPv6: true)
  }

  @Test(
    arguments: [
      ("dns:///example.org:50051", .dns(host: "example.org", port: 50051), "example.org:50051"),
      ("dns:example.org:50051", .dns(host: "example.org", port: 50051), "example.org:50051"),
      ("DNS:///example.org", .dns(host: "example.org", port: 443), "example.org"),
      ("example.org:50051", .dns(host: "example.org", port: 50051), "example.org:50051"),
      ("localhost:50051", .dns(host: "localhost", port: 50051), "localhost:50051"),
      ("localhost", .dns(host: "localhost", port: 443), "localhost"),
      ("dns:///node%2D1.svc_a.local.:1", .dns(host: "node-1.svc_a.local.", port: 1), "node-1.svc_a.local.:1"),
      ("dns:///dns:65535", .dns(host: "dns", port: 65535), "dns:65535"),
      ("1.2.3.4:50051", .addresses([ipv4("1.2.3.4", 50051)]), "1.2.3.4:50051"),
      ("dns:///1.2.3.4", .addresses([ipv4("1.2.3.4", 443)]), "1.2.3.4"),
      ("[::1]:50051", .addresses([ipv6("::1", 50051)]), "[::1]:50051"),
      ("dns:///[2001:db8::1]", .addresses([ipv6("2001:db8::1", 443)]), "[2001:db8::1]"),
      ("::1", .addresses([ipv6("::1", 443)]), "::1"),
      ("ipv4:1.2.3.4:50051", .addresses([ipv4("1.2.3.4", 50051)]), "1.2.3.4:50051"),
      ("ipv4:///1.2.3.4", .addresses([ipv4("1.2.3.4", 443)]), "1.2.3.4:443"),
      (
        "ipv4:1.2.3.4:50051,5.6.7.8:50052", .addresses([ipv4("1.2.3.4", 50051), ipv4("5.6.7.8", 50052)]),
        "1.2.3.4:50051"
      ),
      (
        "ipv6:[::1]:50051,[2001:db8::1]:2", .addresses([ipv6("::1", 50051), ipv6("2001:db8::1", 2)]),
        "[::1]:50051"
      ),
      ("ipv6:%5B::1%5D:50051", .addresses([ipv6("::1", 50051)]), "[::1]:50051"),
      ("ipv6:::1", .addresses([ipv6("::1", 443)]), "[::1]:443"),
      ("unix:relative/path", .unixSocket(path: "relative/path"), "localhost"),
      ("unix:/run/node.sock", .unixSocket(path: "/run/node.sock"), "localhost"),
      ("unix:///run/node.sock", .unixSocket(path: "/run/node.sock"), "localhost"),
      ("unix:///run/my%20node.sock", .unixSocket(path: "/run/my node.sock"), "localhost"),
    ] as [(String, ChannelTarget.Source, String)]
  )
  func `Each form is read as gRPC's page on naming says`(
    text: String,
    source: ChannelTarget.Source,
    authority: String
  ) throws {
    let target = try ChannelTarget(text)
    #expect(target.source == source)
    #expect(target.authority == authority)
    #expect(target.description == text)
  }

  @Test(arguments: [
    ("", "it is empty; allowed are dns, ipv4, ipv6, unix and host:port"),
    ("dns://8.8.8.8/example.org:50051", "it names an authority, \"8.8.8.8\", to resolve by"),
    ("dns://example.org", "it names an authority, \"example.org\", to resolve by"),
    ("ipv4://x/1.2.3.4", "write ipv4:///, with three slashes"),
    ("xds:///example.org", "the scheme \"xds\" is not known; allowed are dns, ipv4, ipv6, unix"),
    ("unix-abstract:name", "the scheme \"unix-abstract\" is not known"),
    ("https://example.org", "the scheme \"https\" is not known"),
    ("dns:///", "the host \"\" is empty"),
    (":50051", "the host \"\" is empty"),
    ("example.org:", "the port \"\" is no number from 1 to 65535"),
    ("example.org:0", "the port \"0\" is no number"),
    ("example.org:65536", "the port \"65536\" is no number"),
    ("example.org:+80", "the port \"+80\" is no number"),
    ("example.org:http", "the port \"http\" is no number"),
    ("example.org:80/path", "the port \"80/path\" is no number"),
    ("example.org/path", "contains other characters"),
    ("dns:///exämple.org", "contains other characters"),
    ("dns:///a..b", "has a part that is empty"),
    ("dns:///\(String(repeating: "a", count: 64)).org", "more than 63 characters"),
    ("dns:///\(String(repeating: "a.", count: 127))bc", "more than 253 characters"),
    ("dns:50051", "ends in a number and is no IPv4 address"),
    ("127.1:50051", "ends in a number and is no IPv4 address"),
    ("ipv4:1.2.3:50051", "\"1.2.3\" is no IPv4 address"),
    ("ipv4:1.2.3.256:50051", "\"1.2.3.256\" is no IPv4 address"),
    ("ipv4:1.2.3.04:50051", "\"1.2.3.04\" is no IPv4 address"),
    ("ipv4:1.2.3.4:1,", "\"\" is no IPv4 address"),
    ("ipv4:[::1]:50051", "\"::1\" is no IPv4 address"),
    ("ipv6:1.2.3.4:50051", "\"1.2.3.4\" is no IPv6 address"),
    ("ipv6:[fe80::1%25eth0]:50051", "\"fe80::1%eth0\" is no IPv6 address"),
    ("[::1", "\"[::1\" lacks its closing bracket"),
    ("[::1]50051", "after the bracket stands \"50051\""),
    ("[localhost]:50051", "\"localhost\" is no IPv6 address"),
    ("dns:///a%2", "a % stands before something else"),
    ("dns:///a%zz", "a % stands before something else"),
    ("dns:///a%ff", "are not UTF-8"),
    ("unix:/run/a%00b", "it contains a zero byte"),
    ("unix:", "the path of the socket is empty"),
    ("unix://run/node.sock", "after unix:// the path has to be absolute"),
    ("unix:/\(String(repeating: "a", count: 200))", "the path of the socket has 201 bytes"),
  ])
  func `What is wrong is named, beside the text`(text: String, fault: String) {
    let error = #expect(throws: InvalidTarget.self) { try ChannelTarget(text) }
    #expect(error?.target == text)
    #expect("\(error?.fault ?? "")".contains(fault), "\(error?.fault ?? "")")
    #expect("\(error.map { "\($0)" } ?? "")".hasPrefix("target \"\(text)\": "))
  }

  @Test(arguments: [
    "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::ffff:1.2.3.4",
    "1:2:3:4:5:6:1.2.3.4", "ABCD:ef01::",
  ])
  func `This is an IPv6 address`(text: String) {
    #expect(HostSyntax.isIPv6(text[...]))
  }

  @Test(arguments: [
    "", ":", "1", "1:2", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8",
    "12345::",
    "g::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4", ":1", "1:", "1:::2", "::1.2.3.4:5", "1.2.3.4::",
  ])
  func `This is none`(text: String) {
    #expect(!HostSyntax.isIPv6(text[...]))
  }

  @Test func `No text of the characters that matter stops the process`() {
    var texts: [String] = [""]
    for _ in 0..<5 {
      texts += texts.flatMap { text in
        ["dns:", "ipv6:", "/", ":", "[", "]", "%4", "1", ","].map { text + $0 }
      }
      .prefix(20_000)
    }
    for text in texts { _ = try? ChannelTarget(text) }
  }
}
