import Synchronization

/// Where the policies' chance comes from: the system's generator in production, a seeded one in tests.
///
/// A copy draws from the same sequence as the original. Safe to use from any thread.
///
/// A ``Retry`` draws each jitter from it. A ``CircuitBreaker`` draws once, as it is made, a seed for a generator of its
/// own: its breaks are decided under its lock, where no code of the caller's may run.
public struct RandomSource: RandomNumberGenerator, Sendable {
  private final class Shared: Sendable {
    let generator: Mutex<any RandomNumberGenerator & Sendable>

    init(_ generator: any RandomNumberGenerator & Sendable) {
      self.generator = Mutex(generator)
    }
  }

  private let shared: Shared?

  /// The system's generator.
  public static let system = RandomSource(shared: nil)

  private init(shared: Shared?) {
    self.shared = shared
  }

  /// A generator of the caller's, for instance a seeded one that makes a test repeat itself.
  public init(_ generator: some RandomNumberGenerator & Sendable) {
    self.init(shared: Shared(generator))
  }

  public func next() -> UInt64 {
    guard let shared else {
      var system = SystemRandomNumberGenerator()
      return system.next()
    }
    return shared.generator.withLock { $0.next() }
  }
}
