import BulwarkCore
import BulwarkWire
import struct NIOCore.ByteBuffer
import Synchronization

/// What is told that a call has ended without its handler's answer. Once, from any thread.
protocol ExchangeClient: AnyObject, Sendable {
  /// - Parameters:
  ///   - error: how the call ended for its caller.
  ///   - handlerError: how it ended for its handler, which goes on.
  func failed(_ error: RPCError, handlerError: RPCError)
}

/// A call that was let in: its handler's task, what it holds, and how it ends. Safe from any thread.
final class Exchange: Sendable {
  private struct State {
    var machine = ExchangeMachine()
    var task: Task<Void, Never>?
    var permits: [any AdmissionPermit]
    /// Whether the table of running calls has it.
    var isKept = false
  }

  let entry: MethodEntry
  let context: CallContext
  let limits: WireLimits
  let calls: RunningCalls
  private let callersDeadline: MonotonicInstant?
  private let client: any ExchangeClient
  private let state: Mutex<State>

  /// - Parameters:
  ///   - callersDeadline: the client's own limit; that of the context may be earlier.
  ///   - limits: those of the server.
  init(
    _ arrival: AdmittedCall,
    callersDeadline: MonotonicInstant?,
    limits: WireLimits,
    calls: RunningCalls,
    client: any ExchangeClient
  ) {
    self.entry = arrival.entry
    self.context = arrival.context
    self.callersDeadline = callersDeadline
    self.limits = limits
    self.calls = calls
    self.client = client
    self.state = Mutex(State(permits: arrival.permits))
  }

  // MARK: - The handler

  /// Runs the body as the call's task.
  ///
  /// A handler begins on its caller's thread, as far as it goes without waiting. One that is called from another handler
  /// has a thread of its own instead: handlers that call each other in a ring are not to use up a stack.
  func start(_ body: @escaping @Sendable () async -> Void) {
    let task =
      switch self.entry.execution {
      case .onLoop where CallContext.current == nil: Task.immediateDetached { await body() }
      case .onLoop: Task.detached { await body() }
      case .offLoop: Task.detached(executorPreference: globalConcurrentExecutor) { await body() }
      }
    let mustCancel = self.state.withLock { state in
      guard !state.machine.isSettled else { return false }
      state.task = task
      guard !state.machine.hasEnded else { return true }
      state.isKept = true
      self.calls.keep(self, deadline: self.context.deadline)
      return false
    }
    if mustCancel { task.cancel() }
  }

  /// Waits for what gates make the call wait for, as the first thing that its task does.
  func waitForAdmission(_ waits: [AdmissionWait]) async throws {
    for wait in waits {
      guard let permit = try await wait() else { continue }
      self.state.withLock { $0.permits.append(permit) }
    }
    // Whoever waited past the deadline has been answered already, and its handler is not to begin.
    try Task.checkCancellation()
    if self.isOutOfTime { throw RPCError.deadlineExceeded }
  }

  /// The handler has returned, whatever became of the call.
  func handlerReturned() {
    let (outcome, permits, wasKept) = self.state.withLock { state in
      defer {
        state.permits = []
        state.task = nil
      }
      return (state.machine.handlerReturned(), state.permits, state.isKept)
    }
    for permit in permits {
      permit.settle(outcome)
    }
    self.calls.ended(wasKept ? self : nil)
  }

  // MARK: - Ends

  /// The handler answers: true if the answer is in time and the call has not ended before.
  func answer(_ code: StatusCode) -> Bool {
    if self.isOutOfTime {
      self.runOutOfTime()
      return false
    }
    return self.state.withLock { $0.machine.answered(code) } != .ignore
  }

  private var isOutOfTime: Bool {
    self.context.deadline.map { $0 <= self.calls.clock.now } ?? false
  }

  /// The client ends the call, for this reason of its own.
  func cancel(_ error: RPCError) {
    self.cutOff(nil, error, handlerError: .endedByClient)
  }

  /// The deadline has passed: that of the caller, or what gates allow.
  func runOutOfTime() {
    let isCallers = self.callersDeadline.map { $0 <= self.calls.clock.now } ?? false
    let error = RPCError.deadlineExceeded
    self.cutOff(error.code, isCallers ? error : self.status(error), handlerError: error)
  }

  /// The server ends the call.
  func abort(_ error: RPCError) {
    self.cutOff(error.code, self.status(error), handlerError: error)
  }

  /// An error of the server's as the client gets it.
  func status(_ error: RPCError) -> RPCError {
    WireForm.status(error, self.context.trailingMetadata, self.limits)
  }

  private func cutOff(_ code: StatusCode?, _ error: RPCError, handlerError: RPCError) {
    let (action, task) = self.state.withLock { ($0.machine.cutOff(code), $0.task) }
    guard case .end(let cancelsHandler) = action else { return }
    self.context.end(handlerError)
    self.client.failed(error, handlerError: handlerError)
    if cancelsHandler { task?.cancel() }
  }
}

extension RPCError {
  static let endedByClient = RPCError(
    code: .cancelled,
    message: "the client ended the call",
    origin: .remote
  )
}
