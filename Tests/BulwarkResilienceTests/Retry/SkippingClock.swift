import BulwarkResilience
import Synchronization

/// A clock on which a sleep takes no time: it moves the clock to its end. For one task.
final class SkippingClock: Sendable {
  private let time: Mutex<Int64>
  private let slept = Mutex<[Duration]>([])

  init(start: Int64 = 1_000_000_000) {
    self.time = Mutex(start)
  }

  var now: Int64 { self.time.withLock { $0 } }

  /// How long each sleep was that was begun.
  var sleeps: [Duration] { self.slept.withLock { $0 } }

  func advance(by nanoseconds: Int64) { self.time.withLock { $0 += nanoseconds } }

  var policyClock: PolicyClock {
    PolicyClock(
      now: { PolicyClock.Instant(nanoseconds: self.now) },
      sleep: { instant in
        try Task.checkCancellation()
        let now = self.time.withLock { now in
          defer { now = max(now, instant.nanoseconds) }
          return now
        }
        self.slept.withLock { $0.append(.nanoseconds(instant.nanoseconds - now)) }
      }
    )
  }
}

struct Broken: Error, Hashable {
  var number = 0
}
