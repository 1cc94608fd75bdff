import NIOCore
import NIOPosix
import NIOSSL

@testable import BulwarkTransport

/// A TLS server that agrees on what it is told to, and says nothing.
struct RawTLSServer {
  private let listener: any Channel

  init(_ certificate: TestCertificate, _ change: (inout TLSConfiguration) -> Void) async throws {
    let context = try certificate.serverContext(change)
    self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  var endpoint: Endpoint { .tcp(host: "127.0.0.1", port: self.listener.localAddress?.port ?? 0) }

  func close() async throws {
    try await self.listener.close()
  }
}

/// A TLS client that offers what it is told to, and returns from `init` when it is connected.
struct RawTLSClient {
  private let channel: any Channel

  init(
    to endpoint: Endpoint,
    trusting authority: TestAuthority,
    _ change: (inout TLSConfiguration) -> Void
  ) async throws {
    guard case .tcp(let host, let port) = endpoint else { throw ChannelError.unknownLocalAddress }
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authority.pem))
    configuration.certificateVerification = .noHostnameVerification
    change(&configuration)
    let context = try NIOSSLContext(configuration: configuration)
    self.channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            NIOSSLClientHandler(context: context, serverHostname: nil)
          )
        }
      }
      .connect(host: host, port: port).get()
  }

  /// Returns when the server has closed the connection.
  func closedByServer() async throws {
    try await self.channel.closeFuture.get()
  }
}

extension TestCertificate {
  /// What a server shows this with.
  func serverContext(_ change: (inout TLSConfiguration) -> Void = { _ in }) throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMBytes(self.pem).map { .certificate($0) },
      privateKey: .privateKey(try NIOSSLPrivateKey(bytes: self.key, format: .pem))
    )
    change(&configuration)
    return try NIOSSLContext(configuration: configuration)
  }
}
