import Synchronization

extension CallCredentials {
  /// Metadata, and how long it may be used.
  public struct Expiring: Sendable {
    /// The metadata.
    public var metadata: Metadata
    /// How long, from now, the server takes it.
    public var validFor: Duration

    /// Metadata that a server takes for so long.
    public init(_ metadata: Metadata, validFor: Duration) {
      self.metadata = metadata
      self.validFor = validFor
    }
  }

  /// Credentials that are kept until they run out, for each service on its own.
  ///
  /// The provider is asked once however many calls wait for it, and again by the first call after `refreshAhead` before
  /// the end, which with all others goes on with what is there. What fails is not kept: the next call asks again.
  ///
  /// - Parameters:
  ///   - allowsPlaintext: whether they may be sent where others can read them.
  ///   - refreshAhead: how long before the end new ones are asked for. Default 60 s.
  ///   - clock: what their age goes by.
  ///   - provider: makes them. It runs to its end even if the call that asked is gone: others may wait.
  public static func cached(
    allowsPlaintext: Bool = false,
    refreshAhead: Duration = .seconds(60),
    clock: CallClock = .system,
    provider: @escaping @Sendable (Scope) async throws -> Expiring
  ) -> CallCredentials {
    let cache = CredentialsCache(refreshAhead: refreshAhead, clock: clock, provider: provider)
    return CallCredentials(
      allowsPlaintext: allowsPlaintext,
      provider: { try await cache.metadata(for: $0) },
      kept: { cache.kept(for: $0) }
    )
  }
}

/// Safe from any thread.
private final class CredentialsCache: Sendable {
  private struct Entry {
    var metadata: Metadata?
    var refreshAt = MonotonicInstant(nanoseconds: .min)
    var expiresAt = MonotonicInstant(nanoseconds: .min)
    var request: Promise<Metadata>?
  }

  /// A client has its services and no more; one that passes any path on must not grow without bound.
  private static let capacity = 256

  private let refreshAhead: Duration
  private let clock: CallClock
  private let provider: @Sendable (CallCredentials.Scope) async throws -> CallCredentials.Expiring
  private let entries = Mutex([String: Entry]())

  init(
    refreshAhead: Duration,
    clock: CallClock,
    provider: @escaping @Sendable (CallCredentials.Scope) async throws -> CallCredentials.Expiring
  ) {
    self.refreshAhead = max(refreshAhead, .zero)
    self.clock = clock
    self.provider = provider
  }

  /// What there is, if it is still good; new ones are asked for when it is time for that.
  func kept(for scope: CallCredentials.Scope) -> Metadata? {
    let now = self.clock.now
    let (metadata, isDue) = self.entries.withLock { entries in
      guard let entry = entries[scope.serviceURL], now < entry.expiresAt else {
        return (Metadata?.none, false)
      }
      return (entry.metadata, now >= entry.refreshAt && entry.request == nil)
    }
    if isDue { _ = self.ask(scope) }
    return metadata
  }

  func metadata(for scope: CallCredentials.Scope) async throws -> Metadata {
    try await self.ask(scope).value()
  }

  /// The request that is under way, or a new one.
  private func ask(_ scope: CallCredentials.Scope) -> Promise<Metadata> {
    let promise = Promise<Metadata>()
    let underWay = self.entries.withLock { entries -> Promise<Metadata>? in
      if let request = entries[scope.serviceURL]?.request { return request }
      if entries.count >= Self.capacity, entries[scope.serviceURL] == nil {
        entries = entries.filter { $0.value.request != nil }
      }
      entries[scope.serviceURL, default: Entry()].request = promise
      return nil
    }
    if let underWay { return underWay }
    Task {
      let result: Result<CallCredentials.Expiring, any Error>
      do {
        result = .success(try await self.provider(scope))
      } catch {
        result = .failure(error)
      }
      self.keep(result, scope)
      promise.complete(result.map(\.metadata))
    }
    return promise
  }

  private func keep(_ result: Result<CallCredentials.Expiring, any Error>, _ scope: CallCredentials.Scope) {
    let now = self.clock.now
    self.entries.withLock { entries in
      var entry = entries[scope.serviceURL] ?? Entry()
      entry.request = nil
      if case .success(let new) = result {
        entry.metadata = new.metadata
        entry.expiresAt = now.advanced(by: new.validFor)
        entry.refreshAt = entry.expiresAt.advanced(by: .zero - self.refreshAhead)
      }
      entries[scope.serviceURL] = entry
    }
  }
}
