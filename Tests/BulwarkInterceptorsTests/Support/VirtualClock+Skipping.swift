import BulwarkCore
import BulwarkTestKit
import Synchronization

extension VirtualClock {
  /// Runs the body, and moves the clock on to whatever it sleeps until, so that it sleeps for no time at all.
  ///
  /// - Parameter limit: how far the clock may be moved.
  func skipping<Value: Sendable>(to limit: Duration = .seconds(3600), _ body: @Sendable () async -> Value)
    async -> Value
  {
    let isDone = Atomic(false)
    let end = self.now.advanced(by: limit)
    async let skipper: Void = {
      while !isDone.load(ordering: .acquiring) {
        if let next = self.nextWakeUp, next <= end { self.advance(to: next) }
        await Task.yield()
      }
    }()
    let value = await body()
    isDone.store(true, ordering: .releasing)
    await skipper
    return value
  }
}
