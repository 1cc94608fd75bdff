import BulwarkCore
import Synchronization

/// The state of a client, and those who watch it. Safe from any thread.
final class ConnectivityWatch: Sendable {
  private struct Watchers {
    var state = ConnectivityState.idle
    var continuations: [UInt64: AsyncStream<ConnectivityState>.Continuation] = [:]
    var nextID: UInt64 = 0
  }

  private let watchers = Mutex(Watchers())
  private let channelz: ChannelzChannel?

  /// - Parameter channelz: where the state is to be seen, too.
  init(_ channelz: ChannelzChannel? = nil) {
    self.channelz = channelz
  }

  var state: ConnectivityState { self.watchers.withLock { $0.state } }

  func set(_ state: ConnectivityState) {
    let (toTell, hasChanged) = self.watchers.withLock { watchers in
      guard watchers.state != state, watchers.state != .shutdown else {
        return ([AsyncStream<ConnectivityState>.Continuation](), false)
      }
      watchers.state = state
      return (Array(watchers.continuations.values), true)
    }
    if hasChanged { self.channelz?.changed(to: state) }
    for continuation in toTell {
      continuation.yield(state)
      if state == .shutdown { continuation.finish() }
    }
  }

  /// The state now, and each that follows.
  func updates() -> AsyncStream<ConnectivityState> {
    // A watcher that sleeps through many changes sees the latest ones: what was is of no use to it.
    let (stream, continuation) = AsyncStream.makeStream(
      of: ConnectivityState.self,
      bufferingPolicy: .bufferingNewest(16)
    )
    let id = self.watchers.withLock { watchers in
      continuation.yield(watchers.state)
      guard watchers.state != .shutdown else { return UInt64?.none }
      watchers.nextID += 1
      watchers.continuations[watchers.nextID] = continuation
      return watchers.nextID
    }
    guard let id else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      // Not under the lock: letting go of a continuation may run code of the stream's owner.
      let gone = self?.watchers.withLock { $0.continuations.removeValue(forKey: id) }
      withExtendedLifetime(gone) {}
    }
    return stream
  }
}
