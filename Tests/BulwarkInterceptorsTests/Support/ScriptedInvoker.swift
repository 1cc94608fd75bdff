import BulwarkCore
import BulwarkInterceptors
import BulwarkTestKit
import NIOCore
import Synchronization

/// A server as its clients see it: each call gets the next answer of a script, the last one again and again.
final class ScriptedInvoker: CallInvoker {
  /// What becomes of one call.
  enum Answer: Sendable {
    case ok
    case fails(StatusCode, Metadata = [:], RPCError.Origin = .remote)
    /// Answers when so much time has passed, or fails at the call's deadline.
    case after(Duration)
    /// Answers when the gate opens.
    case held(Gate)
  }

  struct Asked: Sendable {
    var message: String
    var options: CallOptions
    var at: MonotonicInstant
  }

  private struct State {
    var answers: [Answer]
    var asked: [Asked] = []
    var running = 0
    var mostRunning = 0
  }

  private let clock: VirtualClock
  private let state: Mutex<State>

  convenience init(_ clock: VirtualClock, _ answers: Answer...) {
    self.init(clock, answers)
  }

  init(_ clock: VirtualClock, _ answers: [Answer]) {
    self.clock = clock
    self.state = Mutex(State(answers: answers))
  }

  var asked: [Asked] { self.state.withLock { $0.asked } }
  var mostRunning: Int { self.state.withLock { $0.mostRunning } }
  var running: Int { self.state.withLock { $0.running } }

  /// Puts another script in the place of the one so far.
  func script(_ answers: Answer...) { self.state.withLock { $0.answers = answers } }

  func unary(_ method: MethodDescriptor, _ message: ByteBuffer, _ options: CallOptions) async throws(RPCError)
    -> Response<ByteBuffer>
  {
    let answer = self.state.withLock { state in
      state.asked.append(Asked(message: String(buffer: message), options: options, at: self.clock.now))
      state.running += 1
      state.mostRunning = max(state.mostRunning, state.running)
      return state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
    }
    defer { self.state.withLock { $0.running -= 1 } }
    switch answer {
    case .ok: break
    case .fails(let code, let metadata, let origin):
      throw RPCError(code: code, message: "scripted", metadata: metadata, origin: origin)
    case .after(let time):
      let end = self.clock.now.advanced(by: time)
      let deadline = options.deadline ?? .distantFuture
      do {
        try await self.clock.sleep(until: min(end, deadline))
      } catch {
        throw RPCError(code: .cancelled, message: "cancelled")
      }
      guard end < deadline else { throw RPCError(code: .deadlineExceeded, message: "too late") }
    case .held(let gate):
      guard await gate.pass() else { throw RPCError(code: .cancelled, message: "cancelled") }
    }
    return Response(message: message)
  }

  func stream(_ method: MethodDescriptor, _ options: CallOptions, onlyRequest: ByteBuffer?)
    -> any ClientStream
  {
    fatalError("the script has no streams")
  }
}

/// Holds calls up until it is opened, or until they are cancelled.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var next = 0
    var waiting: [Int: CheckedContinuation<Bool, Never>] = [:]
    var cancelled: Set<Int> = []
  }

  private let state = Mutex(State())

  /// Whether the gate was opened; false if the task was cancelled first.
  func pass() async -> Bool {
    let id = self.state.withLock { state in
      state.next += 1
      return state.next
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer: Bool? = self.state.withLock { state in
          if state.isOpen { return true }
          if state.cancelled.remove(id) != nil { return false }
          state.waiting[id] = continuation
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let waiter = self.state.withLock { state in
        if state.waiting[id] == nil { state.cancelled.insert(id) }
        return state.waiting.removeValue(forKey: id)
      }
      waiter?.resume(returning: false)
    }
  }

  func open() {
    let waiting = self.state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [:] }
      return state.waiting.values.map { $0 }
    }
    for waiter in waiting { waiter.resume(returning: true) }
  }
}

/// A client with policies around a scripted server.
struct ClientDriver {
  let policies: Policies
  let server: ScriptedInvoker
  let invoker: InterceptedInvoker

  init(_ policies: Policies, _ server: ScriptedInvoker, _ clock: VirtualClock, target: String = "server") {
    self.policies = policies
    self.server = server
    self.invoker = InterceptedInvoker(
      server,
      interceptors: [policies.clientInterceptor(to: target)],
      peer: Peer(address: target),
      time: clock.timeSource
    )
  }

  @discardableResult
  func call(_ method: MethodDescriptor = Sample.call, timeout: Duration? = nil) async throws(RPCError)
    -> String
  {
    let response = try await self.invoker.unary(
      method,
      ByteBuffer(string: "m"),
      CallOptions(timeout: timeout)
    )
    return String(buffer: response.message)
  }

  /// How a call ends.
  func code(_ method: MethodDescriptor = Sample.call, timeout: Duration? = nil) async -> StatusCode {
    do throws(RPCError) {
      try await self.call(method, timeout: timeout)
      return .ok
    } catch {
      return error.code
    }
  }
}
