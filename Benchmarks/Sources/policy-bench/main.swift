// Measures the resilience policies, alone and with a task on each core, and prints JSON.
//   policy-bench [--operations N] [--samples N] [--only NAME]
// `dev/bench policies` runs it in turn with the same in Go, and prints the table.
import BulwarkResilience
import CAllocations
import Foundation

let arguments = CommandLine.arguments
func option(_ name: String, _ fallback: Int) -> Int {
  arguments.firstIndex(of: name).flatMap { Int(arguments[$0 + 1]) } ?? fallback
}
let only = arguments.firstIndex(of: "--only").map { arguments[$0 + 1] }
let stopwatch = Stopwatch(operations: option("--operations", 200_000), samples: option("--samples", 21))

struct Report: Codable {
  var operations: [String: Figures] = [:]
  /// One `stack.run` timed on its own, nanoseconds, less the median of timing nothing.
  var stackMedian = 0
  var stackP99 = 0
  /// Nanoseconds that the stats of so many components take.
  var statsOf10 = 0.0
  var statsOf1000 = 0.0
  /// Bytes of the heap for one instance.
  var bytes: [String: Int] = [:]
}

var report = Report()
for (name, loop) in try Workloads.all() where only == nil || only == name {
  report.operations[name] = await stopwatch.figures(loop)
}
let nothing = await stopwatch.percentiles { _ in }
let stack = await stopwatch.percentiles(try Workloads.stack())
report.stackMedian = stack.median - nothing.median
report.stackP99 = stack.p99 - nothing.median
report.statsOf10 = try Workloads.statsNanoseconds(components: 10)
report.statsOf1000 = try Workloads.statsNanoseconds(components: 1000)
report.bytes = try Workloads.bytes()
let encoder = JSONEncoder()
encoder.outputFormatting = [.sortedKeys]
print(String(decoding: try encoder.encode(report), as: UTF8.self))
