public import Logging
public import ServiceLifecycle

/// What one end of a connection proves itself with, and whom it trusts.
///
///     let credentials = try TLSCredentials(
///       certificateChain: .file("/etc/node/tls.pem"),
///       privateKey: .file("/etc/node/tls.key"),
///       trustRoots: .pem(.file("/etc/node/committee.pem")),
///       reloadInterval: .seconds(60)
///     )
///     configuration.tls = ServerTLS(credentials, clients: .required)
///
/// One object may serve any number of servers and clients. Files are read when it is made, and again by ``reload()`` or,
/// each interval, by ``run()``, which a service group runs beside the server. What was read is taken as a whole or not
/// at all: a file that is missing, half written or does not fit the others changes nothing and is logged. Handshakes
/// that begin after a reload use what was read; connections that stand, and the calls on them, go on as they are.
///
/// Safe to use from any task.
public final class TLSCredentials: Service, Sendable {
  let contexts: TLSContexts
  private let reloadInterval: Duration?
  private let logger: Logger
  private let sleep: @Sendable (Duration) async throws -> Void

  /// Reads certificates, key and trust roots: those of a server, or of a client that proves itself, too (mutual TLS).
  ///
  /// - Parameters:
  ///   - certificateChain: this end's certificate, and after it those between it and a root that the other end trusts.
  ///   - privateKey: the key of the first of these certificates, not encrypted.
  ///   - trustRoots: who may vouch for the other end.
  ///   - reloadInterval: how often ``run()`` reads again; nil for never. At least 1 s.
  ///   - logger: where each reload is told: that something has changed, or why nothing could.
  /// - Throws: what cannot be read, or does not fit together.
  public convenience init(
    certificateChain: PEMSource,
    privateKey: PEMSource,
    trustRoots: TrustRoots = .system,
    reloadInterval: Duration? = nil,
    logger: Logger = Logger(label: "bulwark.tls")
  ) throws(TLSCredentialsError) {
    let sources = TLSSources(own: (certificateChain, privateKey), trustRoots: trustRoots)
    try self.init(sources, reloadInterval, logger)
  }

  /// Reads the trust roots of a client that proves nothing itself. See the other initializer.
  public convenience init(
    trustRoots: TrustRoots = .system,
    reloadInterval: Duration? = nil,
    logger: Logger = Logger(label: "bulwark.tls")
  ) throws(TLSCredentialsError) {
    try self.init(TLSSources(own: nil, trustRoots: trustRoots), reloadInterval, logger)
  }

  /// - Parameter sleep: how ``run()`` waits.
  init(
    _ sources: TLSSources,
    _ reloadInterval: Duration?,
    _ logger: Logger,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) throws(TLSCredentialsError) {
    if let reloadInterval, reloadInterval < .seconds(1) {
      throw TLSCredentialsError("a reload interval of \(reloadInterval) is shorter than 1 s")
    }
    self.contexts = try TLSContexts(sources)
    self.reloadInterval = reloadInterval
    self.logger = logger
    self.sleep = sleep
  }

  /// Reads everything again and makes new handshakes use it. Blocks while it reads.
  ///
  /// - Throws: what cannot be read, or does not fit together; then nothing has changed.
  public func reload() throws(TLSCredentialsError) {
    do throws(TLSCredentialsError) {
      if try self.contexts.reload() {
        self.logger.info("TLS credentials have changed: new handshakes use them")
      }
    } catch {
      self.logger.warning("TLS credentials not reloaded", metadata: ["reason": "\(error)"])
      throw error
    }
  }

  /// Reads everything again each interval, until the service group shuts down or the task is cancelled.
  ///
  /// Without an interval it only waits for that. A reload that fails is logged, and tried again at the next interval.
  public func run() async throws {
    guard let interval = self.reloadInterval else {
      // It throws only when the task is cancelled, which is an end like the other.
      try? await gracefulShutdown()
      return
    }
    await cancelWhenGracefulShutdown {
      while (try? await self.sleep(interval)) != nil {
        // A failure has been logged, and what is in use stays in use.
        try? self.reload()
      }
    }
  }
}
