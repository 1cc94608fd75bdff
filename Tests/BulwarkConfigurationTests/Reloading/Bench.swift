@testable import BulwarkConfiguration
import BulwarkInterceptors
import Foundation
import Logging
import Synchronization

/// A file of policies in a directory of its own, and what becomes of it.
final class Bench: Sendable {
  let directory: URL
  let url: URL
  let log = CollectedLog()
  let file: PolicyFile
  private let record: Record

  /// What was applied; apart from the bench, which the file's callback must not keep.
  private final class Record: Sendable {
    let sets = Mutex<[PolicySet]>([])
    let refused = Mutex<Duration?>(nil)
  }

  private struct Refusal: Error {}

  init(_ text: String?, name: String = "policies.yaml") throws {
    self.directory = FileManager.default.temporaryDirectory.appending(path: "bulwark-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
    self.url = self.directory.appending(path: name)
    let record = Record()
    self.record = record
    self.file = PolicyFile(path: self.url.path(), logger: self.log.logger) { set in
      guard set.policies[.all]?.timeout != record.refused.withLock(\.self) else { throw Refusal() }
      record.sets.withLock { $0.append(set) }
    }
    if let text { try self.write(text) }
  }

  /// One whose file is in force.
  static func running(_ text: String) async throws -> Bench {
    let bench = try Bench(text)
    try await bench.file.reload()
    return bench
  }

  deinit {
    try? FileManager.default.removeItem(at: self.directory)
  }

  /// The timeouts for all methods of the sets that were applied.
  var applied: [Duration?] { self.record.sets.withLock { $0.map { $0.policies[.all]?.timeout } } }
  var sources: [String] { self.record.sets.withLock { $0.map(\.source) } }
  var last: PolicySet? { self.record.sets.withLock(\.last) }

  /// Lets the callback refuse sets with this timeout.
  func refuse(_ timeout: Duration) { self.record.refused.withLock { $0 = timeout } }

  func write(_ text: String) throws {
    try Data(text.utf8).write(to: self.url)
  }

  func append(_ text: String) throws {
    let handle = try FileHandle(forWritingTo: self.url)
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(text.utf8))
    try handle.close()
  }

  func look(times: Int = 1) async {
    for _ in 0..<times { await self.file.look() }
  }
}

/// What a logger was told.
final class CollectedLog: Sendable {
  private struct Entry {
    let level: Logger.Level
    let message: String
    let reason: String?
  }

  private let entries = Mutex<[Entry]>([])

  var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

  func messages(_ level: Logger.Level) -> [String] {
    self.entries.withLock { $0.filter { $0.level == level }.map(\.message) }
  }

  var reasons: [String] { self.entries.withLock { $0.compactMap(\.reason) } }

  private struct Handler: LogHandler {
    let log: CollectedLog
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { self.metadata[key] }
      set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let reason = event.metadata?["reason"].map { "\($0)" }
      let entry = Entry(level: event.level, message: "\(event.message)", reason: reason)
      self.log.entries.withLock { $0.append(entry) }
    }
  }
}
