import NIOCore

/// Runs tasks on an event loop.
///
/// A handler started on its connection's loop resumes there after every suspension, so that a call whose handler
/// never waits for anything else costs no thread switch at all.
final class EventLoopExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    self.eventLoop.execute {
      job.runSynchronously(on: self.asUnownedTaskExecutor())
    }
  }
}
