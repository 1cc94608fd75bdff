import Synchronization

/// What became of the calls that have a key. Safe to use from any task.
final class CallLedger: Sendable {
  typealias End = HandlerEndResponse.End

  private struct Record {
    var attempts: UInt32 = 0
    var end: End?
    var waiting: [AsyncStream<End>.Continuation] = []
  }

  private let records = Mutex<[String: Record]>([:])

  /// Runs the handler of a call, and notes its beginning and its end. Without a key nothing is noted.
  ///
  /// - Parameter handler: gets how many calls with this key have begun, this one included.
  func tracking<Answer>(_ key: String, _ handler: (UInt32) async throws -> Answer) async throws -> Answer {
    guard !key.isEmpty else { return try await handler(0) }
    let attempt = self.begin(key)
    do {
      let answer = try await handler(attempt)
      self.end(key, .returned)
      return answer
    } catch {
      self.end(key, Task.isCancelled ? .cancelled : .returned)
      throw error
    }
  }

  /// How the handler of the last call with this key ended; waits while it runs.
  ///
  /// - Throws: `CancellationError` if the waiting task is cancelled first.
  func end(of key: String) async throws -> End {
    let (ends, continuation) = AsyncStream<End>.makeStream()
    self.records.withLock { records in
      if let record = records[key], record.end == nil {
        records[key]?.waiting.append(continuation)
      } else {
        continuation.yield(records[key]?.end ?? .unspecified)
      }
    }
    for await end in ends {
      return end
    }
    throw CancellationError()
  }

  private func begin(_ key: String) -> UInt32 {
    self.records.withLock { records in
      var record = records[key] ?? Record()
      record.attempts += 1
      record.end = nil
      records[key] = record
      return record.attempts
    }
  }

  private func end(_ key: String, _ end: End) {
    self.records.withLock { records in
      records[key]?.end = end
      for continuation in records[key]?.waiting ?? [] {
        continuation.yield(end)
        continuation.finish()
      }
      records[key]?.waiting = []
    }
  }
}
