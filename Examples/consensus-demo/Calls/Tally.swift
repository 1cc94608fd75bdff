/// What became of some calls.
struct Tally: Sendable {
  /// The calls in the order in which they ended.
  private(set) var records: [CallRecord] = []

  var total: Int { self.records.count }

  mutating func add(_ record: CallRecord) {
    self.records.append(record)
  }

  func count(_ outcome: CallOutcome) -> Int {
    self.records.count { $0.outcome == outcome }
  }

  /// How long the calls with this outcome took.
  func durations(_ outcome: CallOutcome) -> [Duration] {
    self.records.filter { $0.outcome == outcome }.map(\.duration)
  }

  /// `80 answered, 20 rate limited`: the outcomes that there were.
  var text: String {
    CallOutcome.allCases.filter { self.count($0) > 0 }
      .map { "\(self.count($0)) \($0.name)" }
      .joined(separator: ", ")
  }
}
