import NIOCore

/// Runs tasks on an event loop.
///
/// A handler started on its connection's loop resumes there after every suspension, so that a call whose handler
/// never waits for anything else costs no thread switch at all.
///
/// `@unchecked Sendable`: its one variable is read and written on the loop alone.
final class EventLoopExecutor: TaskExecutor, @unchecked Sendable {
  private let eventLoop: any EventLoop
  private var runsNextInPlace = false

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if self.eventLoop.inEventLoop, self.runsNextInPlace {
      self.runsNextInPlace = false
      return job.runSynchronously(on: self.asUnownedTaskExecutor())
    }
    self.eventLoop.execute {
      job.runSynchronously(on: self.asUnownedTaskExecutor())
    }
  }

  /// Calls a function that resumes a task which waits on this executor: the task runs inside of it, up to where it waits
  /// next, and not in a later turn of the loop. Called on the loop, by code that is ready for all that the task does.
  ///
  /// Only the first job is run so. What the task itself makes takes its turn as ever.
  func runInPlace(_ resume: () -> Void) {
    self.runsNextInPlace = true
    resume()
    self.runsNextInPlace = false
  }
}
