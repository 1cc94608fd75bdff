import BulwarkBalancing
import BulwarkCore
import BulwarkWire
import NIOCore

/// Asks a resolver, on behalf of a client, when there is reason to: the shell of `ResolutionMachine`.
///
/// Used on the client's event loop only.
final class Resolution {
  private let resolver: any EndpointResolver
  private let backoff: ConnectionBackoff
  private let eventLoop: any EventLoop
  /// Until it is stopped.
  private var onResult: ((Result<[ResolvedEndpoint], RPCError>) -> Void)?

  private var machine: ResolutionMachine
  private var task: Task<Void, Never>?
  private var timer: DeadlineTimer?
  private var isStopped = false

  /// - Parameter onResult: what to use from now on. A failure is told only while there is nothing to use.
  init(
    _ resolver: any EndpointResolver,
    _ configuration: ClientConfiguration,
    on eventLoop: any EventLoop,
    onResult: @escaping (Result<[ResolvedEndpoint], RPCError>) -> Void
  ) {
    self.resolver = resolver
    self.backoff = configuration.backoff
    self.eventLoop = eventLoop
    self.onResult = onResult
    self.machine = ResolutionMachine(options: configuration.resolution)
  }

  func begin() {
    // A list that is known needs no task, and the first call no detour.
    if let fixed = self.resolver as? FixedEndpoints {
      self.onResult?(.success(fixed.list))
    } else if self.machine.start(now: .now()) {
      self.resolve()
    }
  }

  /// Connections have failed, or were lost: the addresses may be other ones by now.
  func request() {
    if self.machine.request(now: .now()) {
      self.resolve()
    } else {
      self.armTimer()
    }
  }

  /// Somebody knows that they are: asks again now, however short ago the last answer was.
  func refresh() {
    if self.machine.refresh(now: .now()) { self.resolve() }
  }

  func stop() {
    self.isStopped = true
    self.onResult = nil
    self.timer?.stop()
    self.task?.cancel()
  }

  private func resolve() {
    guard !self.isStopped else { return }
    let resolution = NIOLoopBound(self, eventLoop: self.eventLoop)
    let resolver = self.resolver
    let eventLoop = self.eventLoop
    self.task = Task {
      let result: Result<[ResolvedEndpoint], RPCError>
      do {
        let endpoints = try await resolver.resolve()
        result = endpoints.isEmpty ? .failure(.noAddresses(of: resolver)) : .success(endpoints)
      } catch {
        result = .failure(.notResolved(error, by: resolver))
      }
      eventLoop.execute {
        resolution.value.ended(result)
      }
    }
  }

  private func ended(_ result: Result<[ResolvedEndpoint], RPCError>) {
    guard !self.isStopped else { return }
    self.task = nil
    switch result {
    case .success:
      self.machine.resolved()
      self.onResult?(result)
    case .failure(let error):
      let action = self.machine.failed(error, now: .now()) { failures in
        self.backoff.delay(afterFailures: failures, jitter: .random(in: -1...1))
      }
      if case .fail(let error) = action { self.onResult?(.failure(error)) }
    }
    self.armTimer()
  }

  private func armTimer() {
    guard let next = self.machine.nextTimer, !self.isStopped else { return }
    let timer =
      self.timer
      ?? DeadlineTimer(on: self.eventLoop) { [weak self] in
        guard let self else { return }
        if self.machine.timerFired(now: .now()) { self.resolve() } else { self.armTimer() }
      }
    self.timer = timer
    timer.update(next)
  }
}

extension RPCError {
  fileprivate static func notResolved(_ error: any Error, by resolver: any EndpointResolver) -> RPCError {
    RPCError(
      code: .unavailable,
      message: "\(resolver.authority) could not be resolved: \(error)",
      origin: .transport
    )
  }

  fileprivate static func noAddresses(of resolver: any EndpointResolver) -> RPCError {
    RPCError(
      code: .unavailable,
      message: "the resolver of \(resolver.authority) gave no addresses",
      origin: .transport
    )
  }
}
