import Bulwark
import Synchronization

/// Counts the calls of one side: how many began, and how each ended. An interceptor, so that it is told of every end once.
final class CallTally: Interceptor, CustomStringConvertible {
  private struct Counts {
    var started = 0
    var ended: [StatusCode: [CallKind: Int]] = [:]
  }

  private static let kinds: [(CallKind, name: String)] = [
    (.unary, "unary"), (.clientStreaming, "client"), (.serverStreaming, "server"), (.bidirectional, "both"),
  ]

  private let side: String
  private let counts = Mutex(Counts())

  /// - Parameter side: what the table is headed with.
  init(of side: String) {
    self.side = side
  }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    self.counts.withLock { $0.started += 1 }
    do {
      let response = try await next(request)
      self.ended(request.method.kind, .ok)
      return response
    } catch {
      self.ended(request.method.kind, error.code)
      throw error
    }
  }

  private func ended(_ kind: CallKind, _ code: StatusCode) {
    self.counts.withLock { $0.ended[code, default: [:]][kind, default: 0] += 1 }
  }

  var started: Int { self.counts.withLock { $0.started } }

  var ended: Int { self.counts.withLock { $0.ended.values.reduce(0) { $0 + $1.values.reduce(0, +) } } }

  /// A row for each code, a column for each kind, and the sums, which have to be equal.
  var description: String {
    let counts = self.counts.withLock { $0 }
    var rows = [row(self.side, Self.kinds.map(\.name) + ["all"])]
    for (code, byKind) in counts.ended.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let cells = Self.kinds.map { byKind[$0.0] ?? 0 }
      rows.append(row("\(code)", (cells + [cells.reduce(0, +)]).map { "\($0)" }))
    }
    rows.append("\(self.side): \(counts.started) calls started, \(self.ended) ended")
    return rows.joined(separator: "\n")
  }
}

private func row(_ name: String, _ cells: [String]) -> String {
  let padding = String(repeating: " ", count: max(1, 20 - name.count))
  let columns = cells.map { String(repeating: " ", count: max(1, 11 - $0.count)) + $0 }
  return name + padding + columns.joined()
}
