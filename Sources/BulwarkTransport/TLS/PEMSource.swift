import NIOSSL

/// Where certificates or a private key in PEM come from (RFC 7468).
public enum PEMSource: Hashable, Sendable {
  /// The path of a file, which is read anew at each reload.
  case file(String)
  /// The bytes themselves, which never change.
  case bytes([UInt8])
}

/// Whom an end of a connection trusts to name the other end.
public enum TrustRoots: Hashable, Sendable {
  /// The roots of the operating system.
  case system
  /// These root certificates and no others, in PEM.
  case pem(PEMSource)
}

extension PEMSource {
  /// The certificates in it, at least one.
  func certificates(_ what: String) throws(TLSCredentialsError) -> [NIOSSLCertificate] {
    let found = try self.read(what) { path in
      try NIOSSLCertificate.fromPEMFile(path)
    } bytes: { bytes in
      try NIOSSLCertificate.fromPEMBytes(bytes)
    }
    guard !found.isEmpty else {
      throw TLSCredentialsError("the \(what) in \(self.place) holds no certificate in PEM")
    }
    return found
  }

  func privateKey() throws(TLSCredentialsError) -> NIOSSLPrivateKey {
    try self.read("private key") { path in
      try NIOSSLPrivateKey(file: path, format: .pem)
    } bytes: { bytes in
      try NIOSSLPrivateKey(bytes: bytes, format: .pem)
    }
  }

  private func read<Value>(
    _ what: String,
    file: (String) throws -> Value,
    bytes: ([UInt8]) throws -> Value
  ) throws(TLSCredentialsError) -> Value {
    do {
      return
        switch self
      {
      case .file(let path): try file(path)
      case .bytes(let content): try bytes(content)
      }
    } catch {
      throw TLSCredentialsError("the \(what) in \(self.place) cannot be read: \(error)")
    }
  }

  private var place: String {
    switch self {
    case .file(let path): path
    case .bytes: "the given bytes"
    }
  }
}
