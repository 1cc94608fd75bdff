import Foundation

/// One thing that both libraries do, and how long each takes.
struct Measurement {
  /// What is done.
  let name: String

  /// The bytes of the message.
  let byteCount: Int

  let bulwark: () throws -> Void
  let swiftProtobuf: () throws -> Void

  /// Lets the two take turns, round by round, so that a machine that slows down slows both.
  func run(rounds: Int, secondsPerRound: Double) throws -> Result {
    let iterations = try Self.iterations(of: self.swiftProtobuf, seconds: secondsPerRound)
    var ours: [Double] = []
    var theirs: [Double] = []
    for _ in 0..<rounds {
      ours.append(try Self.nanoseconds(of: self.bulwark, iterations))
      theirs.append(try Self.nanoseconds(of: self.swiftProtobuf, iterations))
    }
    return Result(name: self.name, byteCount: self.byteCount, bulwark: ours, swiftProtobuf: theirs)
  }

  private static func iterations(of body: () throws -> Void, seconds: Double) throws -> Int {
    _ = try Self.nanoseconds(of: body, 10)
    return max(10, Int(seconds * 1e9 / (try Self.nanoseconds(of: body, 1000))))
  }

  /// In processor time: what other programs do on the machine is not of interest.
  private static func nanoseconds(of body: () throws -> Void, _ iterations: Int) throws -> Double {
    let start = clock()
    for _ in 0..<iterations { try body() }
    return Double(clock() - start) * 1e9 / Double(CLOCKS_PER_SEC) / Double(iterations)
  }
}

/// The rounds of one measurement, in nanoseconds per message.
struct Result: Encodable {
  let name: String
  let byteCount: Int
  let bulwark: [Double]
  let swiftProtobuf: [Double]

  /// How many times as long SwiftProtobuf takes, by the medians.
  var ratio: Double { self.swiftProtobuf.median / self.bulwark.median }
}

extension [Double] {
  /// The middle value.
  var median: Double { self.sorted()[self.count / 2] }
}
