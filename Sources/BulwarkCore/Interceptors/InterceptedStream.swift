import struct NIOCore.ByteBuffer
import Synchronization

/// One attempt at a streaming call: the stream below, and the taps that its messages pass.
struct StreamAttempt {
  let stream: any ClientStream
  let requestTaps: [MessageTap]
  let responseTaps: [MessageTap]

  init(_ stream: any ClientStream, requestTaps: [MessageTap], responseTaps: [MessageTap]) {
    self.stream = stream
    self.requestTaps = requestTaps
    self.responseTaps = responseTaps
  }
}

/// A streaming call with interceptors around it, as its caller holds it.
///
/// One task runs the chain for as long as the call lasts. At the chain's end `follow` waits until the attempt is over
/// for the caller too: its reader has met the end, the call failed on this side, or it was cancelled. So whatever an
/// interceptor has counted is complete when it is told of the end, and what it makes of the end is what the reader
/// is told. Messages pass by the task: a read or a write goes straight to the attempt.
///
/// Safe from any thread.
final class InterceptedStream: ClientStream {
  private let state = Mutex(InterceptedStreamState())

  /// Whether something of a response has been handed to the caller.
  var isCommitted: Bool { self.state.withLock { $0.isCommitted } }

  /// Whether the caller's messages can be sent again, and nothing of a response has been handed to it.
  var canBeReissued: Bool { self.state.withLock { $0.canBeReissued } }

  /// Keeps what the caller writes for later attempts, as long as it fits.
  func keepRequests(upTo bytes: Int) {
    self.state.withLock { $0.kept.keep(upTo: bytes) }
  }

  // MARK: - The chain's side

  /// Starts the chain, on the calling thread until it waits for the first time.
  func run(_ chain: @escaping NextCall, _ request: CallRequest) {
    let task = Task.immediate {
      do throws(RPCError) {
        self.finish(.success(try await chain(request)))
      } catch {
        self.finish(.failure(error))
      }
    }
    self.state.withLock { if $0.end == nil { $0.task = task } }
  }

  /// Makes an attempt, gives it to the caller, and returns when it is over.
  func follow(_ start: () -> StreamAttempt) async throws(RPCError) -> CallResponse {
    if let refusal = self.state.withLock({ $0.refusal }) { throw refusal }
    let attempt = start()
    let (number, isReplaying): (Int, Bool)
    do throws(RPCError) {
      (number, isReplaying) = try self.begin(attempt)
    } catch {
      attempt.stream.cancel()
      throw error
    }
    attempt.stream.onEnd { self.transportEnded(number, $0) }
    let failure = await withTaskCancellationHandler {
      guard isReplaying else { return await self.outcome() }
      // Beside the wait: the server may answer, or end the attempt, before it has all of the requests.
      async let replay: Void = self.replay(to: attempt, number)
      let failure = await self.outcome()
      await replay
      return failure
    } onCancel: {
      attempt.stream.cancel()
      self.abandon(number)
    }
    if let failure { throw failure }
    return CallResponse(
      message: nil,
      metadata: (try? await attempt.stream.initialMetadata()) ?? [:],
      trailingMetadata: attempt.stream.trailingMetadata
    )
  }

  /// - Returns: The attempt's number, and whether it has to catch up with the caller.
  private func begin(_ attempt: StreamAttempt) throws(RPCError) -> (Int, Bool) {
    let begun: Result<(Int, Bool, Bool, Resumptions), RPCError> = self.state.withLock { state in
      // The caller may have gone while the attempt was being made.
      if let refusal = state.refusal {
        // A reader can take what an attempt left behind while the chain makes ready for another: then the error of
        // the attempt stands.
        if refusal == .alreadyCommitted, let ended = state.outcome, let error = ended {
          return .failure(error)
        }
        return .failure(refusal)
      }
      state.attempt = attempt
      state.number += 1
      state.transportEnd = nil
      state.outcome = nil
      state.isAbandoned = false
      state.kept.replay()
      let isReplaying = state.kept.isReplaying
      let resumptions = Resumptions(waiters: state.takeWaiters())
      return .success((state.number, isReplaying, state.hasFinishedRequests, resumptions))
    }
    let (number, isReplaying, hasFinishedRequests, resumptions) = try begun.get()
    if hasFinishedRequests, !isReplaying { attempt.stream.finishRequests() }
    resumptions.resume()
    return (number, isReplaying)
  }

  /// Sends an attempt what the caller has written so far; then its writers go on.
  private func replay(to attempt: StreamAttempt, _ number: Int) async {
    while true {
      switch self.state.withLock({ $0.replay(by: number) }) {
      case .message(let message, let wish):
        do throws(RPCError) {
          try await attempt.stream.write(try await attempt.requestTaps.applied(to: message), wish: wish)
        } catch {
          // How an attempt ended is told otherwise; one that goes on has met a tap that threw.
          if !attempt.stream.hasEnded { attempt.stream.cancel() }
          return self.update { $0.stopReplay(by: number) }
        }
      case .caughtUp(let hasFinishedRequests, let resumptions):
        if hasFinishedRequests { attempt.stream.finishRequests() }
        return resumptions.resume()
      case .superseded:
        return
      }
    }
  }

  /// How the running attempt ends.
  private func outcome() async -> RPCError? {
    await withCheckedContinuation { continuation in
      let outcome: RPCError?? = self.state.withLock { state in
        if state.outcome == nil { state.follower = continuation }
        return state.outcome
      }
      if let outcome { continuation.resume(returning: outcome) }
    }
  }

  private func transportEnded(_ number: Int, _ error: RPCError?) {
    self.update { state in
      guard state.number == number, state.attempt != nil else { return Resumptions() }
      state.transportEnd = .some(error)
      // What the server has sent before its status is the reader's to take first.
      if error.map({ $0.origin != .remote }) ?? false || state.isCancelled || state.isAbandoned {
        // After an end of this side nothing is left to be read.
        if error?.origin == .local { state.attempt = nil }
        return state.settle(error)
      }
      return Resumptions()
    }
  }

  /// The chain does not wait for this attempt any more.
  private func abandon(_ number: Int) {
    self.update { state in
      guard state.number == number else { return Resumptions() }
      state.isAbandoned = true
      return state.transportEnd.map { state.settle($0) } ?? Resumptions()
    }
  }

  private func finish(_ result: Result<CallResponse, RPCError>) {
    var running: StreamAttempt?
    self.update { state in
      state.task = nil
      if state.transportEnd == nil {
        running = state.attempt
        state.attempt = nil
      }
      return state.complete(result)
    }
    // The chain did not wait for what it had started.
    running?.stream.cancel()
  }

  private func update(_ change: (inout InterceptedStreamState) -> Resumptions) {
    self.state.withLock { change(&$0) }.resume()
  }

  // MARK: - The caller's side

  func next() async throws(RPCError) -> ByteBuffer? {
    while let (attempt, number) = await self.currentAttempt() {
      let message: ByteBuffer?
      do throws(RPCError) {
        message = try await attempt.stream.next()
      } catch {
        // A second reader is told so; the call goes on for the first.
        if error.isMisuse, !attempt.stream.hasEnded { throw error }
        self.readToEnd(number, error)
        continue
      }
      guard let message else {
        self.readToEnd(number, nil)
        continue
      }
      guard self.commit(number, attempt.stream.latestCompression) else { continue }
      do throws(RPCError) {
        return try await attempt.responseTaps.applied(to: message)
      } catch {
        self.readToEnd(number, error)
        attempt.stream.cancel()
      }
    }
    _ = try self.endResult.get()
    return nil
  }

  func write(_ message: ByteBuffer) async throws(RPCError) {
    try await self.write(message, wish: nil)
  }

  func write(_ message: ByteBuffer, compressed: Bool) async throws(RPCError) {
    try await self.write(message, wish: compressed)
  }

  /// - Parameter wish: whether the message is to be compressed, if its writer has said.
  private func write(_ message: ByteBuffer, wish: Bool?) async throws(RPCError) {
    while true {
      switch self.state.withLock({ $0.take(message, wish: wish) }) {
      case .send(let attempt, let number, let isKept):
        return try await self.send(message, wish: wish, isKept: isKept, by: attempt, number)
      case .kept: return
      case .mustWait: await self.change(while: { $0.attempt == nil || $0.kept.isReplaying })
      case .ended:
        _ = try self.endResult.get()
        throw .endedByServer
      }
    }
  }

  private func send(
    _ message: ByteBuffer,
    wish: Bool?,
    isKept: Bool,
    by attempt: StreamAttempt,
    _ number: Int
  ) async throws(RPCError) {
    let tapped: ByteBuffer
    do throws(RPCError) {
      tapped = try await attempt.requestTaps.applied(to: message)
    } catch {
      self.readToEnd(number, error)
      attempt.stream.cancel()
      throw error
    }
    do throws(RPCError) {
      try await attempt.stream.write(tapped, wish: wish)
    } catch {
      // The next attempt sends it again, if there is one; if not, the end of the call says why.
      guard isKept, attempt.stream.hasEnded, self.canBeReissued else { throw error }
    }
  }

  func finishRequests() {
    let attempt = self.state.withLock { state in
      state.hasFinishedRequests = true
      return state.kept.isReplaying ? nil : state.attempt
    }
    attempt?.stream.finishRequests()
  }

  func initialMetadata() async throws(RPCError) -> Metadata {
    while let (attempt, number) = await self.currentAttempt() {
      do throws(RPCError) {
        let metadata = try await attempt.stream.initialMetadata()
        if self.commit(number) { return metadata }
      } catch {
        self.readToEnd(number, error)
      }
    }
    return try self.endResult.get().metadata
  }

  var trailingMetadata: Metadata {
    switch self.state.withLock({ $0.end }) {
    case .success(let response): response.trailingMetadata
    case .failure(let error): error.metadata
    case nil: [:]
    }
  }

  var latestCompression: CompressionAlgorithm { self.state.withLock { $0.latestCompression } }

  var hasEnded: Bool {
    self.state.withLock { state in
      guard state.end == nil else { return true }
      return state.attempt?.stream.hasEnded ?? (state.number > 0)
    }
  }

  func onEnd(_ body: @escaping @Sendable (RPCError?) -> Void) {
    let end = self.state.withLock { state in
      if state.end == nil { state.onEnd = body }
      return state.end
    }
    if let end { body(end.failure) }
  }

  func cancel() {
    var task: Task<Void, Never>?
    var attempt: StreamAttempt?
    self.update { state in
      attempt = state.attempt
      guard state.end == nil else {
        state.attempt = nil
        return Resumptions()
      }
      state.isCancelled = true
      task = state.task
      if let end = state.transportEnd { return state.settle(end) }
      guard state.attempt == nil else { return Resumptions() }
      return state.complete(.failure(.cancelledByCaller))
    }
    attempt?.stream.cancel()
    task?.cancel()
  }

  /// The attempt to read from and write to; waits while there is none yet, and is nil after the end.
  private func currentAttempt() async -> (StreamAttempt, Int)? {
    while true {
      let (attempt, number, isOver) = self.state.withLock { ($0.attempt, $0.number, $0.end != nil) }
      if let attempt { return (attempt, number) }
      if isOver { return nil }
      await self.change(while: { $0.attempt == nil })
    }
  }

  /// Waits for a change, unless there is no reason to any more, or the call is over.
  private func change(while mustWait: @Sendable (InterceptedStreamState) -> Bool) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isWaiting = self.state.withLock { state in
          guard mustWait(state), state.end == nil else { return false }
          state.waiters.append(continuation)
          return true
        }
        if !isWaiting { continuation.resume() }
      }
    } onCancel: {
      self.cancel()
    }
  }

  /// A part of the response goes to the caller; false if the attempt was given up in the meantime.
  private func commit(_ number: Int, _ compression: CompressionAlgorithm = .identity) -> Bool {
    self.state.withLock { state in
      guard state.number == number else { return false }
      state.isCommitted = true
      state.latestCompression = compression
      return true
    }
  }

  /// The caller has met the end of an attempt.
  private func readToEnd(_ number: Int, _ error: RPCError?) {
    self.update { state in
      guard state.number == number else { return Resumptions() }
      state.attempt = nil
      state.transportEnd = state.transportEnd ?? .some(error)
      return state.settle(error)
    }
  }

  private var endResult: Result<CallResponse, RPCError> {
    self.state.withLock { $0.end } ?? .failure(.cancelledByCaller)
  }
}

extension Result where Failure == RPCError {
  var failure: RPCError? {
    if case .failure(let error) = self { error } else { nil }
  }
}

extension RPCError {
  package static let cancelledByCaller = RPCError(
    code: .cancelled,
    message: "the call was cancelled by its caller"
  )

  package static let endedByServer = RPCError(
    code: .cancelled,
    message: "the server has ended the call",
    origin: .remote
  )

  static let alreadyCommitted = RPCError(
    code: .failedPrecondition,
    message:
      "an attempt runs already, or a part of a response has reached the caller: there can be no other attempt"
  )

  static let misplacedRequest = RPCError(
    code: .failedPrecondition,
    message: "an interceptor passed on the request of another call"
  )

  /// Whether the one who called did what the contract forbids, which says nothing of the call itself.
  fileprivate var isMisuse: Bool { self.code == .failedPrecondition && self.origin == .local }
}
