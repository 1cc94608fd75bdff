import BulwarkCore
import Synchronization

/// What is known of the other end at this time. Safe from any thread.
final class KnownPeer: Sendable {
  private let state: Mutex<Peer>

  init(_ peer: Peer) {
    self.state = Mutex(peer)
  }

  var value: Peer {
    get { self.state.withLock { $0 } }
    set { self.state.withLock { $0 = newValue } }
  }
}
