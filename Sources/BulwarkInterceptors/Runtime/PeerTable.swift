import BulwarkResilience
import Synchronization

/// A policy that can be kept for each peer by itself.
protocol PeerPolicy: Policy {
  /// Whether a new one in its place would decide the same: whoever is forgotten must not owe anything.
  var owesNothing: Bool { get }
}

extension CircuitBreaker: PeerPolicy {
  var owesNothing: Bool {
    let stats = self.stats
    return stats.state == .closed && stats.window.failures == 0
  }
}

extension RateLimiter: PeerPolicy {
  var owesNothing: Bool { self.remaining >= self.options.burst }
}

extension Bulkhead: PeerPolicy {
  var owesNothing: Bool {
    let stats = self.stats
    return stats.inUse == 0 && stats.waiting == 0
  }
}

/// One policy for all calls, or one for each peer.
enum ScopedPolicy<P: PeerPolicy>: Sendable {
  case shared(P)
  case perPeer(PeerTable<P>)

  func policy(for peer: String) -> P {
    switch self {
    case .shared(let policy): policy
    case .perPeer(let table): table.policy(for: peer)
    }
  }

  var isPerPeer: Bool {
    if case .perPeer = self { true } else { false }
  }
}

/// Policies of the same settings, one for each peer, in bounded memory.
///
/// A peer that owes nothing is forgotten when its place is needed; one that owes is not, since it would come back with a
/// clean record. So fresh peers cannot wash a debtor's record away: they can fill all places, and then share one policy
/// until somebody has paid. Looking for a place is bounded work, however many peers there are.
final class PeerTable<P: PeerPolicy>: PolicyInstance {
  private struct State {
    var options: P.Options
    var maximumPeers: Int
    var policies: [String: P] = [:]
    /// The peers in the order in which they are looked at for a place.
    var ring: [String] = []
    var hand = 0
  }

  /// How many peers are looked at when a place is needed.
  private static var looks: Int { 8 }

  /// What peers share for whom there is no place.
  private let overflow: SharedInstance<P>
  private let state: Mutex<State>

  init(_ overflow: SharedInstance<P>, maximumPeers: Int) {
    self.overflow = overflow
    self.state = Mutex(State(options: overflow.policy.options, maximumPeers: maximumPeers))
  }

  func policy(for peer: String) -> P {
    self.state.withLock { state in
      if let known = state.policies[peer] { return known }
      guard let place = self.place(in: &state), let made = self.make(peer, state.options) else {
        return self.overflow.policy
      }
      if place < state.ring.count { state.ring[place] = peer } else { state.ring.append(peer) }
      state.policies[peer] = made
      return made
    }
  }

  /// A place in the ring for one more peer: a new one, or that of a peer that owes nothing.
  private func place(in state: inout State) -> Int? {
    guard state.ring.count >= state.maximumPeers else { return state.ring.count }
    for _ in 0..<min(Self.looks, state.ring.count) {
      state.hand = (state.hand + 1) % state.ring.count
      let peer = state.ring[state.hand]
      guard let policy = state.policies[peer], policy.owesNothing else { continue }
      state.policies[peer] = nil
      self.overflow.manager.remove(P.self, named: policy.name)
      return state.hand
    }
    return nil
  }

  private func make(_ peer: String, _ options: P.Options) -> P? {
    let manager = self.overflow.manager
    let name = "\(self.overflow.policy.name)[\(peer)]"
    // The options were checked when the table was made, and the name holds brackets that no annotation's name has.
    guard let made = try? P(name: name, options: options, clock: manager.clock, random: manager.random) else {
      return nil
    }
    return try? manager.register(made)
  }

  func reconfigure(_ options: P.Options, maximumPeers: Int) throws(PolicyProblem) {
    try self.overflow.reconfigure(options)
    let policies = self.state.withLock { state in
      state.maximumPeers = maximumPeers
      guard state.options != options else { return [P]() }
      state.options = options
      return Array(state.policies.values)
    }
    for policy in policies {
      do throws(InvalidOption) {
        try policy.reconfigure(options)
      } catch {
        throw PolicyProblem(error, origin: policy.name)
      }
    }
  }

  func unregister() {
    self.overflow.unregister()
    let policies = self.state.withLock { Array($0.policies.values) }
    for policy in policies { self.overflow.manager.remove(P.self, named: policy.name) }
  }

  /// How many peers are told apart now.
  var count: Int { self.state.withLock { $0.policies.count } }
}
