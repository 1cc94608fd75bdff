public import Bulwark
public import BulwarkResilience
import Crypto
import Synchronization

/// Stands before the handlers of a ``ConsensusService`` and does to their calls what it was told to: nothing, until
/// it is told. Safe to use from any task, and changed while calls run: each call is decided once, when it begins.
///
///     let faults = MockFaults()
///     let server = Server(listening: endpoint, interceptors: [faults]) { node }
///     try faults.set([FaultSetting("SubmitVote:first=2/3,latency=5ms")])
///
/// A call can ask for faults of its own in the metadata `x-mock-latency-ms`, `x-mock-fail-rate` and
/// `x-mock-fail-code`. What it may not ask for is INVALID_ARGUMENT.
public final class MockFaults: Interceptor {
  private struct State {
    var machine = FaultMachine()
    var random: RandomSource
    var hangs: [UInt64: AsyncStream<Never>.Continuation] = [:]
    var nextHang: UInt64 = 0
    var isStopped = false
  }

  private let state: Mutex<State>
  private let clock: PolicyClock

  /// Creates one that does nothing yet.
  ///
  /// - Parameters:
  ///   - clock: what latencies are waited by.
  ///   - random: where chance comes from. Numbers are drawn in the order in which calls begin.
  public init(clock: PolicyClock = .system, random: RandomSource = .system) {
    self.state = Mutex(State(random: random))
    self.clock = clock
  }

  // MARK: - What is set

  /// The faults that are set, sorted by method. Of a script of so many next calls it has what is left.
  public var settings: [FaultSetting] {
    self.withMachine(\.plans).sorted { $0.key < $1.key }.compactMap { try? FaultSetting($0.key, $0.value) }
  }

  /// Replaces the faults of some methods, and starts their scripts anew. Calls that have begun go on as they began.
  ///
  /// - Throws: ``InvalidOption`` if a method comes twice; then nothing has changed.
  public func set(_ settings: [FaultSetting]) throws(InvalidOption) {
    try settings.requireDistinctMethods()
    self.withMachine { machine in
      for setting in settings { machine.set(setting) }
    }
  }

  /// Takes the faults of some methods away.
  ///
  /// - Throws: ``InvalidOption`` for a name that is no method's; then nothing has changed.
  public func clear(_ methods: [String]) throws(InvalidOption) {
    for method in methods { try FaultSetting.requireKnown(method) }
    self.withMachine { machine in
      for method in methods { machine.clear(method) }
    }
  }

  /// Takes all faults away.
  public func clearAll() {
    self.withMachine { $0.clearAll() }
  }

  /// What was done so far, for each method that was called, sorted by method.
  public var counts: [FaultCounts] {
    self.withMachine(\.tallies).sorted { $0.key < $1.key }.map { FaultCounts(method: $0.key, $0.value) }
  }

  private func withMachine<Result: Sendable>(_ body: (inout FaultMachine) -> Result) -> Result {
    self.state.withLock { body(&$0.machine) }
  }

  // MARK: - What is done

  public func applies(to method: MethodDescriptor) -> Bool {
    Self.methods.contains(method)
  }

  /// Ends the calls that hang with UNAVAILABLE, now and from now on: they must not hold up a graceful stop.
  public func stop() {
    let hangs = self.state.withLock { state in
      state.isStopped = true
      return state.hangs.values
    }
    for hang in hangs { hang.finish() }
  }

  public func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    let method = request.method.method
    let decision = try self.decide(method, request.metadata)
    if decision.latency > .zero { try await self.wait(decision.latency, method) }
    switch decision.outcome {
    case .pass(let rounds):
      if rounds > 0 { try self.hash(rounds, method) }
      return try await next(request)
    case .fail(let code):
      self.count(\.failed, of: method)
      throw RPCError(code: code, message: "a mock fault of \(method)")
    case .hang:
      self.count(\.hung, of: method)
      try await self.hang()
    }
  }

  private func decide(_ method: String, _ metadata: Metadata) throws(RPCError) -> FaultDecision {
    self.count(\.calls, of: method)
    do throws(InvalidOption) {
      let overrides = try FaultOverrides(metadata)
      return self.state.withLock { $0.machine.decide(method, overrides, using: &$0.random) }
    } catch {
      self.count(\.refused, of: method)
      throw RPCError(code: .invalidArgument, message: error.description)
    }
  }

  private func wait(_ latency: Duration, _ method: String) async throws(RPCError) {
    self.count(\.delayed, of: method)
    do {
      // The server cancels the call's task at its deadline.
      try await self.clock.sleep(until: self.clock.now.advanced(by: latency))
    } catch {
      throw Self.cancelled
    }
  }

  private func hang() async throws(RPCError) -> Never {
    let (never, end) = AsyncStream<Never>.makeStream()
    let id = self.state.withLock { state in
      state.nextHang &+= 1
      state.hangs[state.nextHang] = end
      if state.isStopped { end.finish() }
      return state.nextHang
    }
    // The sequence ends with the task's cancellation too.
    for await _ in never {}
    self.state.withLock { _ = $0.hangs.removeValue(forKey: id) }
    throw Task.isCancelled ? Self.cancelled : ConsensusNode.stopped
  }

  /// Computes, as a slow verification does, and looks between two rounds whether anybody still waits for it.
  private func hash(_ rounds: Int, _ method: String) throws(RPCError) {
    let part = [UInt8](repeating: 0, count: Block.partSize)
    var digest: [UInt8] = []
    var done: UInt64 = 0
    defer { self.count(\.hashRounds, of: method, by: done) }
    for _ in 0..<rounds {
      guard !Task.isCancelled else { throw Self.cancelled }
      // Each round needs the one before.
      var hasher = SHA256()
      hasher.update(data: digest)
      hasher.update(data: part)
      digest = Array(hasher.finalize())
      done += 1
    }
  }

  private func count(_ what: WritableKeyPath<FaultTally, UInt64>, of method: String, by amount: UInt64 = 1) {
    self.withMachine { $0.count(what, of: method, by: amount) }
  }

  private static let cancelled = RPCError(
    code: .cancelled,
    message: "the call was cancelled during a mock fault"
  )
}

extension FaultCounts {
  fileprivate init(method: String, _ tally: FaultTally) {
    self.init()
    self.method = method
    self.calls = tally.calls
    self.failed = tally.failed
    self.delayed = tally.delayed
    self.hung = tally.hung
    self.hashRounds = tally.hashRounds
    self.refused = tally.refused
  }
}
