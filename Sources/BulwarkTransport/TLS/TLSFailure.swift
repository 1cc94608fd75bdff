import BulwarkCore
import NIOSSL

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Puts what went wrong with TLS into words for a person: one text for each way in which a handshake fails.
///
/// BoringSSL's errors differ only in the names that they are printed with.
struct TLSFailure {
  /// The side that the words are for.
  let side: CallSide

  private var own: String { self.side == .client ? "client" : "server" }
  private var other: String { self.side == .client ? "server" : "client" }

  /// What an error of the handshake means.
  ///
  /// - Parameters:
  ///   - certificate: what the other end has shown, as far as that is known.
  ///   - name: what the certificate had to be for.
  func reason(of error: any Error, certificate: NIOSSLCertificate?, name: String?) -> String {
    if error as? NIOSSLExtraError == .failedToValidateHostname {
      return "the server's certificate is not for \(name ?? "the address that was connected to")"
    }
    if case NIOSSLError.handshakeFailed(.sslError([.eofDuringHandshake])) = error { return self.closed }
    let text = "\(error)"
    if text.contains("CERTIFICATE_VERIFY_FAILED") { return self.reason(against: certificate) }
    return self.alert(in: text) ?? "the TLS handshake failed: \(text)"
  }

  /// What an error of a connection means whose handshake was over for this end; nil if TLS has no word in it.
  ///
  /// In TLS 1.3 a client has finished before the server has seen its certificate.
  func reason(afterHandshake error: any Error) -> String? {
    guard error is BoringSSLError || error is NIOSSLError else { return nil }
    return self.alert(in: "\(error)") ?? "TLS failed: \(error)"
  }

  /// The other end has hung up.
  var closed: String { "the \(self.other) closed the connection during the TLS handshake" }

  /// The server has hung up without a word when the handshake was over for the client: in TLS 1.3 that is when it sees
  /// the client's certificate, and gRPC's C core does not say what it thinks of it.
  var closedAfterwards: String {
    "the server closed the connection right after the TLS handshake: it may want another client certificate"
  }

  func timedOut(after limit: Duration) -> String {
    switch self.side {
    case .client: "the TLS handshake did not end within the \(limit) that connecting may take"
    case .server: "the TLS handshake did not end within \(limit)"
    }
  }

  func noHTTP2(negotiated: String?) -> String {
    let chosen = negotiated.map { "'\($0)'" } ?? "nothing"
    return
      switch self.side
    {
    case .client: "the server speaks TLS, but not HTTP/2: of h2 (ALPN) it chose \(chosen)"
    case .server: "the client did not offer HTTP/2 (ALPN h2)"
    }
  }

  private func reason(against certificate: NIOSSLCertificate?) -> String {
    let now = time(nil)
    if let end = certificate?.notValidAfter, end < now {
      return "the \(self.other)'s certificate has expired, \(now &- end) s ago"
    }
    if let begin = certificate?.notValidBefore, begin > now {
      return "the \(self.other)'s certificate is not valid yet, for another \(begin &- now) s"
    }
    return "the \(self.other)'s certificate is not trusted: it leads to none of the trust roots"
  }

  /// What the other end has said, or what it has sent instead of TLS.
  private func alert(in text: String) -> String? {
    if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
      return "the \(self.other) does not speak TLS"
    }
    if text.contains("UNSUPPORTED_PROTOCOL") || text.contains("ALERT_PROTOCOL_VERSION") {
      return "the \(self.other) speaks no version of TLS that is allowed on both ends"
    }
    if text.contains("NO_APPLICATION_PROTOCOL") { return self.noHTTP2(negotiated: nil) }
    if text.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") { return "the client showed no certificate" }
    if text.contains("CERTIFICATE_REQUIRED") { return "the server requires a client certificate" }
    if text.contains("ALERT_UNKNOWN_CA") {
      return "the \(self.other) does not trust this \(self.own)'s certificate"
    }
    if text.contains("ALERT_CERTIFICATE_EXPIRED") {
      return "this \(self.own)'s certificate has expired, says the \(self.other)"
    }
    let refusals = [
      "BAD_CERTIFICATE", "ALERT_CERTIFICATE_", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_ACCESS_DENIED",
    ]
    if refusals.contains(where: { text.contains($0) }) {
      return "the \(self.other) refused this \(self.own)'s certificate"
    }
    if text.contains("ALERT_HANDSHAKE_FAILURE") {
      return "the \(self.other) refused the handshake: it requires a certificate, or shares no cipher"
    }
    return nil
  }
}
