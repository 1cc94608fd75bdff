import NIOSSL
import Synchronization

/// Where the parts of credentials come from.
struct TLSSources: Sendable {
  var own: (chain: PEMSource, key: PEMSource)?
  var trustRoots: TrustRoots

  func read() throws(TLSCredentialsError) -> TLSMaterial {
    var material = TLSMaterial()
    if let own = self.own {
      material.chain = try own.chain.certificates("certificate chain")
      material.key = try own.key.privateKey()
    }
    if case .pem(let source) = self.trustRoots {
      material.roots = try source.certificates("set of trust roots")
    }
    return material
  }
}

/// What was read.
struct TLSMaterial: Equatable, Sendable {
  var chain: [NIOSSLCertificate] = []
  var key: NIOSSLPrivateKey?
  /// Nil for the roots of the system.
  var roots: [NIOSSLCertificate]?
}

/// The contexts that handshakes begin with, one for each way in which the credentials are used.
///
/// A context is costly to make and free to share. It is never changed: a reload makes new ones, and a connection keeps
/// the one it began with. A session ticket of an old context is not taken by a new one, so nobody whose root was removed
/// comes in by resuming a session.
final class TLSContexts: Sendable {
  private struct State {
    var material: TLSMaterial
    var contexts: [TLSProfile: NIOSSLContext]
  }

  private let sources: TLSSources
  private let state: Mutex<State>
  /// Held during a whole reload, so that what was read first does not win over what was read last.
  private let reloading = Mutex(())

  init(_ sources: TLSSources) throws(TLSCredentialsError) {
    let material = try sources.read()
    self.sources = sources
    self.state = Mutex(State(material: material, contexts: [:]))
    // Whatever they are used for, a key that does not fit its certificate is found now.
    _ = try TLSProfile.probe.context(of: material)
  }

  /// The context for handshakes that begin now. Made at the first call for a profile, which may read the roots of the
  /// system; after that it is a lookup.
  func context(for profile: TLSProfile) throws(TLSCredentialsError) -> NIOSSLContext {
    let (known, material) = self.state.withLock { ($0.contexts[profile], $0.material) }
    if let known { return known }
    let context = try profile.context(of: material)
    return self.state.withLock { state in
      // Somebody else may have been faster, or a reload.
      if let known = state.contexts[profile] { return known }
      if state.material == material { state.contexts[profile] = context }
      return context
    }
  }

  /// This end's own certificate, if it has one.
  var certificate: NIOSSLCertificate? { self.state.withLock { $0.material.chain.first } }

  /// Reads everything again; true if something has changed.
  func reload() throws(TLSCredentialsError) -> Bool {
    try self.reloading.withLock { (_) throws(TLSCredentialsError) in
      let material = try self.sources.read()
      let (old, profiles) = self.state.withLock { ($0.material, Array($0.contexts.keys)) }
      // What the system trusts is not read as a whole, and may have changed.
      guard material != old || material.roots == nil else { return false }
      _ = try TLSProfile.probe.context(of: material)
      var contexts: [TLSProfile: NIOSSLContext] = [:]
      for profile in profiles {
        contexts[profile] = try profile.context(of: material)
      }
      self.state.withLock { $0 = State(material: material, contexts: contexts) }
      return material != old
    }
  }
}
