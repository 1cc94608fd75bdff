import BulwarkCore
import Foundation
import Logging
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct TLSReloadTests {
  private let authority: TestAuthority
  private let files = CredentialFiles()
  private let log = LogRecorder()

  init() throws {
    self.authority = try TestAuthority()
  }

  private func credentials() throws -> TLSCredentials {
    try TLSCredentials(
      certificateChain: .file(self.files.chain),
      privateKey: .file(self.files.key),
      trustRoots: .pem(.file(self.files.roots)),
      logger: self.log.logger
    )
  }

  private func server(_ credentials: TLSCredentials) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.tls = ServerTLS(credentials, clients: .required)
    return configuration
  }

  @Test func newConnectionsGetTheNewCertificateAndOldOnesGoOn() async throws {
    try self.files.write(self.authority.issue(dns: ["node.test"], commonName: "old"), roots: self.authority)
    let credentials = try self.credentials()
    let client = try self.authority.client(with: self.authority.issue(dns: ["client.test"]))
    try await withServer(ByteService(), configuration: self.server(credentials)) { _, endpoint in
      try await withClient(of: endpoint, configuration: client) { old in
        let echo = try await old.bidirectional(ByteService.bidi) { requests, responses in
          var iterator = responses.makeAsyncIterator()
          try await requests.write(ByteBuffer(string: "before"))
          _ = try await iterator.next()

          let renewed = try self.authority.issue(dns: ["node.test"], commonName: "new")
          try self.files.write(renewed, roots: self.authority)
          try credentials.reload()
          try await withClient(of: endpoint, configuration: client) { new in
            try await new.expectEcho("hello")
            #expect(new.peer.identity?.commonName == "new")
          }

          try await requests.write(ByteBuffer(string: "after"))
          return try await iterator.next()
        }
        #expect(echo == ByteBuffer(string: "after"))
        #expect(old.peer.identity?.commonName == "old")
      }
    }
    #expect(self.log.lines.map(\.message) == ["TLS credentials have changed: new handshakes use them"])
  }

  @Test func aPeerWhoseRootIsRemovedIsRefusedAtItsNextHandshake() async throws {
    let other = try TestAuthority("Other Root")
    try self.files.write(
      self.authority.issue(dns: ["node.test"]),
      roots: self.authority.pem + other.pem
    )
    let credentials = try self.credentials()
    var removed = try self.authority.client()
    removed.tls?.credentials = try other.issue(dns: ["other.test"]).credentials(trusting: self.authority)
    try await withServer(ByteService(), configuration: self.server(credentials)) { [removed] _, endpoint in
      try await withClient(of: endpoint, configuration: removed) { standing in
        try await standing.expectEcho("let in")
        try self.files.write(roots: self.authority.pem)
        try credentials.reload()
        try await standing.expectEcho("still in")
        try await withClient(of: endpoint, configuration: removed) { next in
          let error = await #expect(throws: RPCError.self) { try await next.echo("out") }
          #expect(
            error?.message.hasSuffix("the server does not trust this client's certificate") == true
          )
        }
      }
    }
  }

  @Test(arguments: CredentialFiles.Fault.allCases)
  func aFileThatIsBadChangesNothingAndIsLogged(fault: CredentialFiles.Fault) async throws {
    try self.files.write(self.authority.issue(dns: ["node.test"]), roots: self.authority)
    let credentials = try self.credentials()
    try self.files.commit(fault, self.authority)
    let error = #expect(throws: TLSCredentialsError.self) { try credentials.reload() }
    let reason = try #require(error?.description)
    #expect(reason.contains(fault.words))
    #expect(self.log.lines.map(\.level) == [.warning])
    #expect(self.log.lines.map(\.reason) == [reason])
    let client = try self.authority.client(with: self.authority.issue(dns: ["client.test"]))
    try await withServer(ByteService(), configuration: self.server(credentials)) { _, endpoint in
      try await withClient(of: endpoint, configuration: client) {
        try await $0.expectEcho("hello")
      }
    }
  }

  @Test func filesThatHaveNotChangedAreNotNews() throws {
    try self.files.write(self.authority.issue(dns: ["node.test"]), roots: self.authority)
    let credentials = try self.credentials()
    try credentials.reload()
    #expect(self.log.lines.isEmpty)
  }

  @Test func whatDoesNotFitIsRefusedFromTheStart() throws {
    let one = try self.authority.issue(dns: ["one.test"])
    let two = try self.authority.issue(dns: ["two.test"])
    let mixed = TestCertificate(pem: one.pem, key: two.key)
    let error = #expect(throws: TLSCredentialsError.self) { try mixed.credentials(trusting: self.authority) }
    #expect(error?.description.contains("do not fit together") == true)
  }

  @Test func anIntervalBelowASecondIsRefused() throws {
    #expect(throws: TLSCredentialsError.self) {
      try TLSCredentials(trustRoots: .pem(.bytes(self.authority.pem)), reloadInterval: .milliseconds(999))
    }
  }

  @Test func aRunReadsAgainAfterEachIntervalAndGoesOnAfterAFailure() async throws {
    try self.files.write(self.authority.issue(), roots: self.authority)
    let steps: [@Sendable () throws -> Void] = [
      { try self.files.commit(.chainIsMissing, self.authority) },
      { try self.files.write(self.authority.issue(), roots: self.authority) },
    ]
    let remaining = Remaining(steps)
    let credentials = try TLSCredentials(
      TLSSources(own: (.file(self.files.chain), .file(self.files.key)), trustRoots: .system),
      .seconds(60),
      self.log.logger
    ) { interval in
      #expect(interval == .seconds(60))
      try remaining.next()
    }
    try await credentials.run()
    #expect(self.log.lines.map(\.level) == [.warning, .info])
  }

  @Test func aRunEndsWhenItIsCancelled() async throws {
    let credentials = try self.authority.trust()
    let running = Task { try await credentials.run() }
    running.cancel()
    try await running.value
  }
}

/// What happens during the intervals, one after the other; after the last the run is over.
private final class Remaining: Sendable {
  private let steps: Mutex<ArraySlice<@Sendable () throws -> Void>>

  init(_ steps: [@Sendable () throws -> Void]) {
    self.steps = Mutex(steps[...])
  }

  func next() throws {
    guard let step = self.steps.withLock({ $0.popFirst() }) else { throw CancellationError() }
    try step()
  }
}

/// A certificate chain, a key and trust roots in files of their own.
final class CredentialFiles: Sendable {
  /// What can be wrong with files.
  enum Fault: CaseIterable, Sendable {
    case chainIsMissing
    case chainIsCut
    case keyIsOfAnotherCertificate
    case rootsAreEmpty

    var words: String {
      switch self {
      case .chainIsMissing, .chainIsCut: "the certificate chain in"
      case .keyIsOfAnotherCertificate: "do not fit together"
      case .rootsAreEmpty: "the set of trust roots in"
      }
    }
  }

  private let folder = "\(NSTemporaryDirectory())bulwark-tls-\(UInt64.random(in: 0 ... .max))"

  var chain: String { "\(self.folder)/chain.pem" }
  var key: String { "\(self.folder)/key.pem" }
  var roots: String { "\(self.folder)/roots.pem" }

  deinit {
    try? FileManager.default.removeItem(atPath: self.folder)
  }

  func write(_ certificate: TestCertificate, roots: TestAuthority) throws {
    try self.write(certificate, roots: roots.pem)
  }

  func write(_ certificate: TestCertificate, roots: [UInt8]) throws {
    try self.write(certificate.pem, to: self.chain)
    try self.write(certificate.key, to: self.key)
    try self.write(roots: roots)
  }

  func write(roots: [UInt8]) throws {
    try self.write(roots, to: self.roots)
  }

  func commit(_ fault: Fault, _ authority: TestAuthority) throws {
    switch fault {
    case .chainIsMissing: try FileManager.default.removeItem(atPath: self.chain)
    case .chainIsCut: try self.write(Array(authority.pem.prefix(100)), to: self.chain)
    case .keyIsOfAnotherCertificate: try self.write(authority.issue().key, to: self.key)
    case .rootsAreEmpty: try self.write([], to: self.roots)
    }
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
  }
}
