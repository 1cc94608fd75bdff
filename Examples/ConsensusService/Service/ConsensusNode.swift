import Bulwark
import Synchronization

/// A validator's node: the ``ConsensusService`` over an in-memory chain.
///
/// All calls meet in one lock around the chain, which is held for the time of one input and never while a task
/// waits. What takes long (hashing and running a block) happens before the lock is taken. Safe to use from any
/// task.
public final class ConsensusNode: ConsensusService {
  struct State: Sendable {
    var chain: Chain
    var subscribers = Subscribers()
    var openVoteStreams: UInt32 = 0
    var isStopped = false
  }

  let genesis: Genesis
  let chainLimits: ChainLimits
  let limits: NodeLimits
  let clock: NodeClock
  private let state: Mutex<State>

  /// Creates a node at the start of a chain.
  public init(
    genesis: Genesis,
    chainLimits: ChainLimits = ChainLimits(),
    limits: NodeLimits = NodeLimits(),
    clock: NodeClock = .system
  ) {
    self.genesis = genesis
    self.chainLimits = chainLimits
    self.limits = limits
    self.clock = clock
    self.state = Mutex(State(chain: Chain(genesis: genesis, limits: chainLimits)))
  }

  /// Ends every subscription and every stream that follows the head with UNAVAILABLE, now and from now on: calls
  /// that would never end by themselves must not hold up a graceful stop. Other calls go on.
  public func stopStreams() {
    self.state.withLock { state in
      state.isStopped = true
      state.subscribers.finish(throwing: Self.stopped)
    }
  }

  /// What streams end with once the node is stopping.
  static let stopped = RPCError(code: .unavailable, message: "the node is stopping")

  // MARK: - The one door to the chain

  /// Gives the chain one input, and tells the subscribers what came of it, whether it was taken or refused.
  func withChain<Result: Sendable>(_ input: (inout Chain) throws -> Result) throws -> Result {
    try self.state.withLock { state in
      defer { state.subscribers.publish(state.chain.takeEvents()) }
      return try input(&state.chain)
    }
  }

  /// The same for a call: a refusal becomes its status.
  func answer<Result: Sendable>(_ input: (inout Chain) throws -> Result) throws -> Result {
    try answering { try self.withChain(input) }
  }

  /// Reads the chain, or changes what the node keeps beside it.
  func withState<Result: Sendable, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try self.state.withLock { (state) throws(Failure) in try body(&state) }
  }
}

/// Runs something that the rules of the chain may refuse, and turns the refusal into a status.
func answering<Result>(_ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let refusal as ChainRefusal {
    throw RPCError(refusal)
  }
}
