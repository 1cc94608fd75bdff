import DequeModule
import NIOCore

/// Runs tasks on an event loop.
///
/// A handler started on its connection's loop resumes there after every suspension, so that a call whose handler
/// never waits for anything else costs no thread switch at all.
///
/// What tasks on the loop enqueue runs in one later turn of it, all together: a turn for each would cost two allocations and
/// a lock per call of a client.
///
/// `@unchecked Sendable`: its variables are read and written on the loop alone.
final class EventLoopExecutor: TaskExecutor, @unchecked Sendable {
  private let eventLoop: any EventLoop
  // Free of dynamic exclusivity checks: no access lasts for longer than the statement that makes it.
  @exclusivity(unchecked) private var runsNextInPlace = false
  @exclusivity(unchecked) private var jobs = Deque<UnownedJob>()
  @exclusivity(unchecked) private var isTurnScheduled = false

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    guard self.eventLoop.inEventLoop else {
      self.eventLoop.execute {
        job.runSynchronously(on: self.asUnownedTaskExecutor())
      }
      return
    }
    if self.runsNextInPlace {
      self.runsNextInPlace = false
      return job.runSynchronously(on: self.asUnownedTaskExecutor())
    }
    self.jobs.append(job)
    self.scheduleTurn()
  }

  private func scheduleTurn() {
    guard !self.isTurnScheduled else { return }
    self.isTurnScheduled = true
    self.eventLoop.assumeIsolated().execute {
      self.isTurnScheduled = false
      // Those that are enqueued meanwhile have a turn of their own, so that tasks which never wait do not hold the loop.
      for _ in 0..<self.jobs.count {
        guard let job = self.jobs.popFirst() else { break }
        job.runSynchronously(on: self.asUnownedTaskExecutor())
      }
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
