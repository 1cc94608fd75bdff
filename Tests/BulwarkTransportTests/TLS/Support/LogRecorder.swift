import BulwarkCore
import Logging
import Synchronization

@testable import BulwarkTransport

/// A log that a test reads, and waits for.
final class LogRecorder: Sendable {
  struct Line: Hashable, Sendable {
    var level: Logger.Level
    var message: String
    var reason: String?
    var peer: String?
  }

  private let state = Mutex([Line]())
  private let firstReason = Promise<Line>()

  var lines: [Line] { self.state.withLock { $0 } }

  /// The first line that gives a reason, as soon as there is one.
  var lineWithReason: Line {
    get async throws { try await self.firstReason.value() }
  }

  var logger: Logger {
    var logger = Logger(label: "test") { _ in Handler(recorder: self) }
    logger.logLevel = .debug
    return logger
  }

  private func record(_ line: Line) {
    self.state.withLock { $0.append(line) }
    if line.reason != nil { self.firstReason.complete(.success(line)) }
  }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { self.metadata[key] }
      set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      self.recorder.record(
        Line(
          level: event.level,
          message: "\(event.message)",
          reason: event.metadata?["reason"].map { "\($0)" },
          peer: event.metadata?["peer"].map { "\($0)" }
        )
      )
    }
  }
}
