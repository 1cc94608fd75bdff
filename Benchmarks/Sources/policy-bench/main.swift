// Measures the resilience policies, alone and with a task on each core, and prints JSON. Fails if a policy did not do
// what it is measured for.
//   policy-bench [--microseconds N] [--samples N] [--only PREFIX]
// `dev/bench policies` runs it in turn with the same in Go, and prints the table.
import BulwarkResilience
import Foundation

let arguments = CommandLine.arguments
func option(_ name: String, _ fallback: Int) -> Int {
  arguments.firstIndex(of: name).flatMap { Int(arguments[$0 + 1]) } ?? fallback
}
let only = arguments.firstIndex(of: "--only").map { arguments[$0 + 1] }
let stopwatch = Stopwatch(
  window: option("--microseconds", 2000) * 1000,
  samples: option("--samples", 101)
)

struct Report: Codable {
  var operations: [String: Figures] = [:]
  /// One `stack.run` timed on its own, nanoseconds, less the median of timing nothing.
  var stackMedian = 0
  var stackP99 = 0
  /// Nanoseconds that the stats of so many components take, and their JSON.
  var statsOf10 = 0.0
  var statsOf1000 = 0.0
  var jsonOf1000 = 0.0
  /// Bytes of the heap for one instance.
  var bytes: [String: Int] = [:]
}

var report = Report()
for workload in try Workloads.all() where only.map(workload.name.hasPrefix) ?? true {
  report.operations[workload.name] = try await stopwatch.figures(workload)
}
let nothing = try await Stopwatch.percentiles(Workload("nothing", verify: { _ in }) { _ in })
let stack = try await Stopwatch.percentiles(try Workloads.stack())
report.stackMedian = stack.median - nothing.median
report.stackP99 = stack.p99 - nothing.median
report.statsOf10 = try Components.statsNanoseconds(components: 10, stopwatch)
report.statsOf1000 = try Components.statsNanoseconds(components: 1000, stopwatch)
report.jsonOf1000 = try Components.jsonNanoseconds(components: 1000, stopwatch)
report.bytes = try Components.bytes()
let encoder = JSONEncoder()
encoder.outputFormatting = [.sortedKeys]
print(String(decoding: try encoder.encode(report), as: UTF8.self))
