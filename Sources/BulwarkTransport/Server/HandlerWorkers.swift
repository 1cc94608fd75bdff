import NIOCore

/// The tasks that run unary handlers on one event loop: as many as handlers that wait at one time, and no task for a
/// handler that does not wait.
///
/// A task for each call costs six allocations. Here a task runs one handler after the other and waits in between; a call
/// only ever makes a new one when all others are inside a handler.
///
/// `@unchecked Sendable`: it travels with its tasks, which run on the loop as everything else that touches it.
final class HandlerWorkers: @unchecked Sendable {
  // Here and in `HandlerWorker` what a call touches is free of dynamic exclusivity checks: all of it is used on the loop,
  // and no access lasts for longer than the statement that makes it.

  /// More than these are not kept when they have nothing to do.
  private static let maxIdle = 256

  private let eventLoop: any EventLoop
  let executor: EventLoopExecutor
  @exclusivity(unchecked) private var idle: [HandlerWorker] = []
  private var isClosed = false

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    self.executor = EventLoopExecutor(eventLoop)
  }

  /// Runs the handler's first part, up to where it waits, right here.
  ///
  /// - Returns: what runs it, for as long as the handler has not returned.
  func start(_ call: consuming StartedCall) -> HandlerWorker {
    if let worker = self.idle.popLast() {
      worker.call = .some(call)
      self.executor.runInPlace { worker.resume() }
      return worker
    }
    let worker = HandlerWorker(call)
    worker.task = Task.immediate(executorPreference: self.executor) {
      await worker.run(for: self)
    }
    return worker
  }

  /// Keeps a worker whose handler has returned, if it can be of use again.
  fileprivate func takeBack(_ worker: HandlerWorker) -> Bool {
    guard self.eventLoop.inEventLoop, !self.isClosed, self.idle.count < Self.maxIdle else { return false }
    self.idle.append(worker)
    return true
  }

  /// Ends the workers that wait for work, and from now on each that has done its own. Called on the loop.
  func close() {
    self.isClosed = true
    for worker in self.idle {
      self.executor.runInPlace { worker.resume() }
    }
    self.idle = []
  }
}

/// One task that runs handlers, one at a time.
///
/// `@unchecked Sendable`: as `HandlerWorkers`.
final class HandlerWorker: @unchecked Sendable {
  /// What it does when it is resumed; if there is nothing, it ends.
  @exclusivity(unchecked) fileprivate var call: StartedCall?
  /// Unchecked, because a checked one is an allocation per call. It is resumed once: whoever does takes the worker out
  /// of the idle ones first.
  @exclusivity(unchecked) private var wakeUp: UnsafeContinuation<Void, Never>?
  /// A task that was cancelled stays so, and must not run another handler.
  @exclusivity(unchecked) private var isCancelled = false
  fileprivate var task: Task<Void, Never>?

  fileprivate init(_ call: consuming StartedCall) {
    self.call = .some(call)
  }

  fileprivate func resume() {
    self.wakeUp.take()?.resume()
  }

  @concurrent fileprivate func run(for workers: HandlerWorkers) async {
    while var call = self.call.take() {
      await call.run()
      guard !self.isCancelled else { return }
      await withUnsafeContinuation { continuation in
        self.wakeUp = continuation
        if !workers.takeBack(self) { self.resume() }
      }
    }
  }

  /// Cancels the task, whose handler has not returned.
  func cancel() {
    self.isCancelled = true
    self.task?.cancel()
  }
}
