import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import DequeModule
import NIOCore
import Synchronization

/// A handler that has not returned: what runs it, and for a streaming call its two halves.
struct RunningHandler {
  /// What a handler runs in.
  enum Runner {
    /// A task of its own.
    case task(Task<Void, Never>)
    /// A task that has run others before.
    case worker(HandlerWorker)
  }

  var runner: Runner?
  var requests: InboundMessages?
  var responses: OutboundMessages?

  /// The call is over: the handler's task is cancelled, and its streams fail from now on.
  func cancel(_ error: RPCError) {
    self.requests?.fail(error)
    self.responses?.fail(error)
    switch self.runner {
    case .task(let task): task.cancel()
    case .worker(let worker): worker.cancel()
    case nil: break
    }
  }
}

/// A unary call whose handler is to run, with all that it takes.
///
/// Not copied: a copy counts a reference to each of its five parts.
struct StartedCall: ~Copyable {
  fileprivate let completion: CallCompletion
  fileprivate let handler: UnaryHandler
  fileprivate var message: ByteBuffer
  fileprivate let context: CallContext
  fileprivate let waits: [AdmissionWait]

  /// Waits for admission if it has to, runs the handler and answers the call.
  ///
  /// Concurrent, as the worker's loop is: a function that may be anybody's asks the runtime where to go on after each of
  /// its awaits, which takes a lock of the task; this way it does so half as often, 3 % of a call's instructions. Inlined, to
  /// be one function with that loop.
  @inline(__always)
  @concurrent mutating func run() async {
    do {
      if !self.waits.isEmpty { try await self.completion.waitForAdmission(self.waits, of: self.context) }
      let response = try await CallContext.$current.withValue(self.context) {
        try await self.handler(self.takeMessage(), self.context)
      }
      let compressed = self.completion.compression(of: self.context).compressed(response)
      self.completion.unary(.success(compressed ?? response), isCompressed: compressed != nil)
    } catch {
      self.completion.unary(.failure(RPCError(handlerError: error)), isCompressed: false)
    }
  }

  /// The request, which may be part of a read buffer, is the handler's alone from here on.
  private mutating func takeMessage() -> ByteBuffer {
    var message = ByteBuffer()
    swap(&message, &self.message)
    return message
  }
}

/// A streaming call whose handler is to run.
///
/// A class, so that its task and the two halves of its stream hold one reference each and no closure of their own.
private final class StartedStream: Sendable {
  let completion: CallCompletion
  private let handler: StreamHandler
  private let context: CallContext
  private let waits: [AdmissionWait]

  init(
    completion: CallCompletion,
    handler: @escaping StreamHandler,
    context: CallContext,
    waits: [AdmissionWait]
  ) {
    self.completion = completion
    self.handler = handler
    self.context = context
    self.waits = waits
  }

  /// Waits for admission if it has to, runs the handler and ends the call. Inlined, to be one frame with its caller.
  @inline(__always)
  func run(_ requests: InboundMessages, _ responses: OutboundMessages) async {
    do {
      if !self.waits.isEmpty { try await self.completion.waitForAdmission(self.waits, of: self.context) }
      try await CallContext.$current.withValue(self.context) {
        try await self.handler(requests, responses, self.context)
      }
      self.end(nil)
    } catch {
      self.end(error)
    }
  }

  /// A function of its own, to leave nothing in the frame of `run` while the handler waits.
  @inline(never)
  private func end(_ error: (any Error)?) {
    self.completion.stream(error.map { RPCError(handlerError: $0) })
  }
}

extension ServerChannelHandler {
  // MARK: - Unary

  /// Starts the handler of a unary call, begun right here if it runs on the loop.
  func startUnary(_ call: ServerCall, _ message: ByteBuffer) {
    guard case .unary(let handler) = call.entry.handler else { return }
    let started = StartedCall(
      completion: CallCompletion(self, call.id),
      handler: handler,
      message: message,
      context: call.context,
      waits: call.mustWait ? self.connection.takeWaits(of: call.id) : []
    )
    self.starting = call.id
    switch call.entry.execution {
    case .onLoop:
      self.didStart(call, RunningHandler(runner: .worker(self.loop.workers.start(started))))
    case .offLoop:
      let started = Mutex(Optional(started))
      let task = Task(executorPreference: globalConcurrentExecutor) {
        guard var started = started.withLock({ $0.take() }) else { return }
        await started.run()
      }
      self.didStart(call, RunningHandler(runner: .task(task)))
    }
  }

  fileprivate func finishUnary(
    _ stream: HTTP2StreamID,
    _ result: Result<ByteBuffer, RPCError>,
    isCompressed: Bool
  ) {
    switch result {
    case .success(let message): self.connection.respond(stream, message, isCompressed: isCompressed)
    case .failure(let error): self.connection.fail(stream, error)
    }
    self.handlerReturned(stream)
  }

  // MARK: - Streams

  func startStream(_ call: ServerCall) {
    guard case .stream(let handler) = call.entry.handler else { return }
    let started = StartedStream(
      completion: CallCompletion(self, call.id),
      handler: handler,
      context: call.context,
      waits: call.mustWait ? self.connection.takeWaits(of: call.id) : []
    )
    let requests = InboundMessages(
      maxMessageBytes: self.connection.maxReceiveMessageBytes,
      encoding: call.requestEncoding,
      counters: self.connection.counters
    ) { [started] in
      started.completion.credit($0)
    }
    let responses = OutboundMessages(
      compression: .negotiated(self.connection.responseCompression, call.context)
    ) { [started] in
      started.completion.drain($0)
    }
    // Kept from the start, because the first part of the handler may use the halves.
    var running = RunningHandler(requests: requests, responses: responses)
    self.handlers[call.id] = running
    self.starting = call.id
    running.runner =
      switch call.entry.execution {
      case .onLoop:
        .task(
          Task.immediate(executorPreference: self.loop.workers.executor) {
            await started.run(requests, responses)
          }
        )
      case .offLoop:
        .task(
          Task(executorPreference: globalConcurrentExecutor) {
            await started.run(requests, responses)
          }
        )
      }
    self.didStart(call, running)
  }

  fileprivate func finishStream(_ stream: HTTP2StreamID, _ error: RPCError?) {
    self.drainResponses(stream)
    if let error {
      self.connection.fail(stream, error)
    } else {
      self.connection.finish(stream)
    }
    // A task that outlives the handler may still hold the halves of the stream; they must not hang.
    self.handlers[stream]?.requests?.fail(.callIsOver)
    self.handlers[stream]?.responses?.fail(.callIsOver)
    self.handlerReturned(stream)
  }

  fileprivate func drainResponses(_ stream: HTTP2StreamID, _ time: DrainTime) {
    switch time {
    case .now: self.drainResponses(stream)
    case .beforeFlush: self.waitingResponses.append(stream)
    }
    self.needsFlush()
  }

  func drainWaitingResponses() {
    var index = 0
    while index < self.waitingResponses.count {
      self.drainResponses(self.waitingResponses[index])
      index += 1
    }
    self.waitingResponses.removeAll(keepingCapacity: true)
  }

  private func drainResponses(_ stream: HTTP2StreamID) {
    guard let responses = self.handlers[stream]?.responses else { return }
    for message in responses.take().messages {
      let error = self.connection.sendMessage(stream, message.bytes, isCompressed: message.isCompressed)
      if let error {
        responses.fail(error)
        break
      }
    }
    responses.setBackedUp(self.connection.isBackedUp(stream))
  }

  fileprivate func credit(_ stream: HTTP2StreamID, _ bytes: Int) {
    self.connection.consumed(stream, bytes: bytes)
    self.needsFlush()
  }

  // MARK: - Both

  /// Keeps what runs a handler until the handler returns.
  ///
  /// One that never waits has returned by now, and is not kept: three steps in a table less for most calls.
  private func didStart(_ call: ServerCall, _ running: RunningHandler) {
    guard self.starting == call.id else { return }
    self.starting = nil
    self.handlers[call.id] = running
  }

  private func handlerReturned(_ stream: HTTP2StreamID) {
    if self.starting == stream {
      self.starting = nil
    }
    self.handlers.removeValue(forKey: stream)
    self.connection.handlerReturned(stream)
    self.needsFlush()
    self.endIfOver()
  }
}

/// The way back from a handler's task to its connection, from any thread.
///
/// On the loop, where most handlers run, it is a plain call; the closures are made only for the hop.
private struct CallCompletion: Sendable {
  private let handler: ServerChannelHandler
  private let stream: HTTP2StreamID

  init(_ handler: ServerChannelHandler, _ stream: HTTP2StreamID) {
    self.handler = handler
    self.stream = stream
  }

  /// Waits for what gates make the call wait for, as the first thing that its task does.
  func waitForAdmission(_ waits: [AdmissionWait], of context: CallContext) async throws {
    for wait in waits {
      if let permit = try await wait() { self.hold(permit) }
    }
    // Whoever waited past the deadline has been answered already, and its handler is not to begin.
    try Task.checkCancellation()
    // The timer of a deadline that has just passed may be behind this task.
    if let deadline = context.deadline, deadline <= .now() { throw RPCError.deadlineExceeded }
  }

  private func hold(_ permit: any AdmissionPermit) {
    let (handler, stream) = (self.handler, self.stream)
    guard !handler.eventLoop.inEventLoop else { return handler.connection.hold(permit, for: stream) }
    handler.eventLoop.execute { handler.connection.hold(permit, for: stream) }
  }

  /// How the response is compressed: on the handler's thread, which may not be the loop's.
  func compression(of context: CallContext) -> MessageCompression {
    self.handler.connection.responseCompression.settled(by: context)
  }

  func unary(_ result: Result<ByteBuffer, RPCError>, isCompressed: Bool) {
    let (handler, stream) = (self.handler, self.stream)
    guard !handler.eventLoop.inEventLoop else {
      return handler.finishUnary(stream, result, isCompressed: isCompressed)
    }
    handler.eventLoop.execute { handler.finishUnary(stream, result, isCompressed: isCompressed) }
  }

  func stream(_ error: RPCError?) {
    let (handler, stream) = (self.handler, self.stream)
    guard !handler.eventLoop.inEventLoop else { return handler.finishStream(stream, error) }
    handler.eventLoop.execute { handler.finishStream(stream, error) }
  }

  func credit(_ bytes: Int) {
    let (handler, stream) = (self.handler, self.stream)
    guard !handler.eventLoop.inEventLoop else { return handler.credit(stream, bytes) }
    handler.eventLoop.execute { handler.credit(stream, bytes) }
  }

  func drain(_ time: DrainTime) {
    let (handler, stream) = (self.handler, self.stream)
    guard !handler.eventLoop.inEventLoop else { return handler.drainResponses(stream, time) }
    handler.eventLoop.execute { handler.drainResponses(stream, time) }
  }
}
