import BulwarkHTTP2

extension ServerConnection {
  /// What is left of the connection's flow-control windows, in bytes; nil when it has ended.
  package var windows: (sending: Int, receiving: Int)? { self.session.connectionWindows }
}

extension ClientConnection {
  /// What is left of the connection's flow-control windows, in bytes; nil when it has ended.
  package var windows: (sending: Int, receiving: Int)? { self.session.connectionWindows }
}
