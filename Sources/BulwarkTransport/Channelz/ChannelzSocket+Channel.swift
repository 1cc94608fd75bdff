import BulwarkCore
import BulwarkWire
import NIOCore
import NIOSSL

extension ChannelzServer {
  /// A connection that was accepted, from now until its channel is closed. On its event loop.
  func addConnection(of channel: any Channel) -> ChannelzSocket {
    let socket = self.addConnection(
      local: ChannelzAddress(channel.localAddress),
      remote: ChannelzAddress(channel.remoteAddress)
    )
    channel.closeFuture.whenComplete { _ in socket.close() }
    return socket
  }
}

extension ChannelzSubchannel {
  /// A connection that was made, from now until its channel is closed. On its event loop.
  func addConnection(_ connection: ClientConnection, on channel: any Channel, _ credentials: TLSCredentials?)
  {
    guard let counters = connection.counters else { return }
    let socket = self.addConnection(
      local: ChannelzAddress(channel.localAddress),
      remote: ChannelzAddress(channel.remoteAddress),
      counters: counters
    )
    socket.inspect(connection, on: channel, credentials)
    channel.closeFuture.whenComplete { _ in socket.close() }
  }
}

extension ChannelzSocket {
  /// Lets a connection be asked for its details, each time on its event loop.
  ///
  /// - Parameter credentials: this end's, over TLS.
  func inspect(_ connection: some WindowedConnection, on channel: any Channel, _ credentials: TLSCredentials?)
  {
    let connection = NIOLoopBound(connection, eventLoop: channel.eventLoop)
    self.inspect {
      let details = channel.eventLoop.submit {
        connection.value.windows.map { windows in
          ChannelzSocketDetails(
            localWindow: windows.sending,
            remoteWindow: windows.receiving,
            security: ChannelzSocketDetails.Security(channel.pipeline.syncOperations, credentials)
          )
        }
      }
      return try? await details.get()
    }
  }
}

/// A connection whose flow-control windows can be asked for.
protocol WindowedConnection: AnyObject, SendableMetatype {
  var windows: (sending: Int, receiving: Int)? { get }
}

extension ServerConnection: WindowedConnection {}
extension ClientConnection: WindowedConnection {}

extension ChannelzSocketDetails.Security {
  /// What a pipeline's TLS has come to; nil if it has none. On its event loop.
  ///
  /// Not the cipher, which NIOSSL does not tell.
  fileprivate init?(_ pipeline: ChannelPipeline.SynchronousOperations, _ credentials: TLSCredentials?) {
    guard let handler = try? pipeline.handler(type: NIOSSLHandler.self), let version = handler.tlsVersion
    else { return nil }
    self.init(
      version: version.name,
      // That of the latest reload, which a connection from before it did not use.
      localCertificate: try? credentials?.contexts.certificate?.toDERBytes(),
      remoteCertificate: try? handler.peerCertificate?.toDERBytes()
    )
  }
}

extension TLSVersion {
  /// As OpenSSL spells it.
  fileprivate var name: String {
    switch self {
    case .tlsv1: "TLSv1"
    case .tlsv11: "TLSv1.1"
    case .tlsv12: "TLSv1.2"
    case .tlsv13: "TLSv1.3"
    }
  }
}
