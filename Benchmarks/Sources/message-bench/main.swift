// Decodes and encodes the same messages with Bulwark and with SwiftProtobuf, side by side in one process.
//   message-bench [--rounds N] [--seconds S] [--json] [--samples DIR]
//   message-bench --only NAME --count N [--theirs]
// With --only the one measurement that is named is done N times and nothing is printed: something to count the
// instructions of, or to profile.
// With --samples the bytes of the messages are written to files in that folder, for decoders in other languages.
import BulwarkMessages
import BulwarkProtobuf
import Foundation
import SwiftProtobuf
import SwiftProtobufMessages

let arguments = CommandLine.arguments
func option(_ name: String, _ fallback: Double) -> Double {
  arguments.firstIndex(of: name).flatMap { Double(arguments[$0 + 1]) } ?? fallback
}
let rounds = Int(option("--rounds", 61))
let seconds = option("--seconds", 0.05)

/// Keeps the optimizer from leaving out what makes the value.
@inline(never)
func keep<Value>(_ value: Value) {}

let voteBytes = try Samples.vote()
let blockBytes = try Samples.block()
let vote = try SubmitVoteRequest(serializedBytes: voteBytes)
let block = try Block(serializedBytes: blockBytes)
let theirVote = try Consensus_V1_SubmitVoteRequest(serializedBytes: voteBytes)
let theirBlock = try Consensus_V1_Block(serializedBytes: blockBytes)
guard try theirVote.serializedBytes() == voteBytes, try theirBlock.serializedBytes() == blockBytes else {
  fatalError("the two libraries do not write the same bytes")
}

if let index = arguments.firstIndex(of: "--samples") {
  let folder = URL(fileURLWithPath: arguments[index + 1], isDirectory: true)
  try Data(voteBytes).write(to: folder.appendingPathComponent("vote"))
  try Data(blockBytes).write(to: folder.appendingPathComponent("block"))
}

let measurements = [
  Measurement(
    name: "vote decode",
    byteCount: voteBytes.count,
    bulwark: { keep(try SubmitVoteRequest(serializedBytes: voteBytes)) },
    swiftProtobuf: { keep(try Consensus_V1_SubmitVoteRequest(serializedBytes: voteBytes)) }
  ),
  Measurement(
    name: "vote encode",
    byteCount: voteBytes.count,
    bulwark: { keep(try vote.serializedBytes()) },
    swiftProtobuf: { keep(try theirVote.serializedBytes() as [UInt8]) }
  ),
  Measurement(
    name: "block decode",
    byteCount: blockBytes.count,
    bulwark: { keep(try Block(serializedBytes: blockBytes)) },
    swiftProtobuf: { keep(try Consensus_V1_Block(serializedBytes: blockBytes)) }
  ),
  Measurement(
    name: "block encode",
    byteCount: blockBytes.count,
    bulwark: { keep(try block.serializedBytes()) },
    swiftProtobuf: { keep(try theirBlock.serializedBytes() as [UInt8]) }
  ),
]

if let index = arguments.firstIndex(of: "--only") {
  guard let measurement = measurements.first(where: { $0.name == arguments[index + 1] }) else {
    fatalError("--only takes \(measurements.map(\.name))")
  }
  let body = arguments.contains("--theirs") ? measurement.swiftProtobuf : measurement.bulwark
  for _ in 0..<Int(option("--count", 1000)) { try body() }
  exit(0)
}

let results = try measurements.map { try $0.run(rounds: rounds, secondsPerRound: seconds) }
if arguments.contains("--json") {
  print(String(decoding: try JSONEncoder().encode(results), as: UTF8.self))
} else {
  print("nanoseconds of processor time per message, medians of \(rounds) rounds taken in turn")
  print("                   bytes     Bulwark  SwiftProtobuf   ratio")
  for result in results {
    let columns = String(
      format: "%9d  %10.0f  %13.0f  %6.2f",
      result.byteCount,
      result.bulwark.median,
      result.swiftProtobuf.median,
      result.ratio
    )
    print(result.name.padding(toLength: 14, withPad: " ", startingAt: 0), columns)
  }
}
