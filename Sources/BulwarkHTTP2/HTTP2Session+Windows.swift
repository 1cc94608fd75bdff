import CNghttp2

extension HTTP2Session {
  /// How much of the connection's flow-control windows is left, in bytes: what may be sent and what may be received.
  /// A window that SETTINGS or data have made negative is that; nil when the session is closed.
  public final var connectionWindows: (sending: Int, receiving: Int)? {
    guard let handle = self.handle else { return nil }
    return (
      Int(nghttp2_session_get_remote_window_size(handle)),
      Int(nghttp2_session_get_local_window_size(handle))
    )
  }
}
