import BulwarkCore
import BulwarkWire
import NIOCore
import NIOPosix

// How long the kernel waits for sent bytes to be acknowledged before it gives a TCP connection up (gRFC A18). Without it
// a connection whose peer is gone lives for as long as retransmissions do, a quarter of an hour or more, and a PING
// behind unsent bytes says nothing. Linux alone has it.

extension ServerConnectionLife {
  /// Nil while the server does not ping.
  var userTimeout: Duration? { self.keepaliveTime.map { _ in self.keepaliveTimeout } }
}

extension ClientBootstrap {
  func userTimeout(_ timeout: Duration?) -> Self {
    guard let timeout, let option = tcpUserTimeout else { return self }
    return self.channelOption(option, value: timeout.userTimeoutMilliseconds)
  }
}

extension ServerBootstrap {
  func childUserTimeout(_ timeout: Duration?) -> Self {
    guard let timeout, let option = tcpUserTimeout else { return self }
    return self.childChannelOption(option, value: timeout.userTimeoutMilliseconds)
  }
}

extension Duration {
  /// As the option takes it: an unsigned int, in which 0 would mean the system's default.
  fileprivate var userTimeoutMilliseconds: Int {
    Int(min(max(self.saturatedNanoseconds / 1_000_000, 1), Int64(CInt.max)))
  }
}

#if os(Linux)
/// `TCP_USER_TIMEOUT` of linux/tcp.h.
private let tcpUserTimeout: ChannelOptions.Types.SocketOption? = .tcpOption(NIOBSDSocket.Option(rawValue: 18))
#else
private let tcpUserTimeout: ChannelOptions.Types.SocketOption? = nil
#endif
