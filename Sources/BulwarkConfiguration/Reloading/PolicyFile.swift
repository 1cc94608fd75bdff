public import BulwarkCore
public import BulwarkInterceptors
public import Configuration
public import Logging
public import ServiceLifecycle

/// A file of policies that is read at start, and again whenever it has changed.
///
/// A new version is parsed and checked whole, and handed to `apply` in one step. One that is wrong in any way changes
/// nothing: it is logged once, with every reason, and the next good one is taken. A file that is away for a while
/// changes nothing either.
///
/// Run it as a service to have the file looked at on an interval. What counts is the contents, not the time of the last
/// change: so it sees a file that was replaced by another with the same time, and is not misled by one that was only
/// touched. Contents are taken when two looks in a row find the same, so never half of what an editor writes in two
/// steps.
public actor PolicyFile: Service {
  private let path: String
  private let methods: [MethodDescriptor]?
  private let interval: Duration
  private let logger: Logger
  private let apply: @Sendable (PolicySet) throws -> Void
  private var machine = PolicyFileMachine()

  /// A file that is not read yet.
  ///
  /// - Parameters:
  ///   - path: Its path, ending in `.yaml`, `.yml` or `.json`. Its last part is the name of the source.
  ///   - methods: The methods that are served, if they are known: see `PolicySet.init(configuration:source:methods:)`.
  ///   - interval: How long after one look at the file the next one is taken, while the service runs.
  ///   - logger: Told of each change, and why a version was refused.
  ///   - apply: Puts a set in force. If it throws, the version counts as refused, and it must have changed nothing. It is
  ///     called on no particular thread, and never again before it has returned.
  public init(
    path: String,
    methods: [MethodDescriptor]? = nil,
    interval: Duration = .seconds(5),
    logger: Logger,
    apply: @escaping @Sendable (PolicySet) throws -> Void
  ) {
    self.path = path
    self.methods = methods
    self.interval = interval
    self.logger = logger
    self.apply = apply
  }

  /// A file that a program's own configuration names: `filePath` (required) and `pollIntervalSeconds` (5 by default),
  /// the keys of swift-configuration's own reloading provider.
  ///
  /// - Throws: swift-configuration's error if there is no path, or ``ConfigurationError`` if the interval is not at least
  ///   one second.
  public init(
    config: ConfigReader,
    methods: [MethodDescriptor]? = nil,
    logger: Logger,
    apply: @escaping @Sendable (PolicySet) throws -> Void
  ) throws {
    let path = try config.requiredString(forKey: "filePath")
    let seconds = config.int(forKey: "pollIntervalSeconds", default: 5)
    guard (1...86_400).contains(seconds) else {
      let problem = ConfigurationProblem(
        source: path,
        line: nil,
        path: "pollIntervalSeconds",
        value: "\(seconds)",
        allowed: "1 to 86400"
      )
      throw ConfigurationError([problem])
    }
    self.init(path: path, methods: methods, interval: .seconds(seconds), logger: logger, apply: apply)
  }

  /// Reads the file now and puts it in force, whether or not it has changed.
  ///
  /// - Throws: ``ConfigurationError`` if it is not there or wrong, or what `apply` throws. What was in force stays in
  ///   force, and this version is not tried again by the service.
  public func reload() throws {
    try self.take(try FileText(path: self.path).required(at: self.path))
  }

  /// Looks at the file on the interval, until the service is told to shut down or its task is cancelled.
  ///
  /// - Throws: What ``reload()`` throws, if the file was not in force before and cannot be put in force at first: a server
  ///   that has the wrong limits had better not start.
  public func run() async throws {
    let interval = self.interval
    let ticks = AsyncStream<Void> { try? await Task.sleep(for: interval) }
    try await self.run(on: ticks)
  }

  /// Takes one look for each element.
  func run(on ticks: some AsyncSequence<Void, Never> & Sendable) async throws {
    if self.machine.accepted == nil { try self.reload() }
    for await _ in ticks.cancelOnGracefulShutdown() {
      guard !Task.isCancelled else { return }
      self.look()
    }
  }

  /// Looks at the file once.
  func look() {
    switch self.machine.looked(FileText(path: self.path)) {
    case .nothing: break
    case .take(let text):
      // The reason is logged, and there is nobody else to tell.
      try? self.take(text)
    case .reportUnreadable(.unreadable(let reason)):
      self.logger.error("The file of policies \(reason); nothing has changed", metadata: self.metadata)
    case .reportUnreadable:
      self.logger.warning("The file of policies is gone; nothing has changed", metadata: self.metadata)
    case .reportRecovered:
      self.logger.info("The file of policies holds again what is in force", metadata: self.metadata)
    }
  }

  private func take(_ text: String) throws {
    do {
      let set = try PolicySet(configuration: text, path: self.path, methods: self.methods)
      try self.apply(set)
      self.machine.accepted(text)
      var metadata = self.metadata
      metadata["selectors"] = "\(set.policies.count)"
      self.logger.info("The file of policies is in force", metadata: metadata)
    } catch {
      self.machine.rejected(text)
      var metadata = self.metadata
      metadata["reason"] = "\(error)"
      self.logger.error("The file of policies is wrong; nothing has changed", metadata: metadata)
      throw error
    }
  }

  private var metadata: Logger.Metadata { ["file": "\(self.path)"] }
}
