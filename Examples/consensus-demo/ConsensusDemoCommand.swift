import ArgumentParser
import Bulwark
import ConsensusService

@main
struct ConsensusDemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "consensus-demo",
    abstract: "Four validators in one process decide blocks over loopback connections."
  )

  @Option(help: "How many heights to decide.")
  var heights: UInt64 = 20

  @Option(help: "A Python interpreter with grpcio, to look at the committee from outside. Needs --look-in.")
  var python: String?

  @Option(help: "The Python script that looks in; it is given HOST:PORT of the first node.")
  var lookIn: String?

  func validate() throws {
    guard (1...250).contains(self.heights) else { throw ValidationError("--heights must be 1 to 250.") }
    guard (self.python == nil) == (self.lookIn == nil) else {
      throw ValidationError("--python and --look-in belong together.")
    }
  }

  func run() async throws {
    try await Committee.withRunning(size: 4) { committee in
      print("four validators listen on \(committee.targets.joined(separator: ", "))")
      let summary = try await self.decideHeights(with: committee)
      print(summary.text)
      if let python, let lookIn {
        print("\na stock gRPC client looks in:")
        try await LookIn(python: python, script: lookIn).run(target: committee.targets[0])
      }
      guard summary.isOneChain else { throw DemoFailure("the nodes disagree on the chain") }
    }
  }

  private func decideHeights(with committee: Committee) async throws -> Summary {
    async let observed = Observer(committee: committee, heights: self.heights).run()
    let run = HeightRun(committee: committee)
    var progress = ProgressLine(total: self.heights)
    let started = ContinuousClock.now
    for height in 1...self.heights {
      do {
        try await run.decide(height)
      } catch {
        throw DemoFailure("height \(height) was not decided: \(error)")
      }
      progress.show(height, elapsed: started.duration(to: .now))
    }
    let elapsed = started.duration(to: .now)
    return Summary(
      heights: self.heights,
      elapsed: elapsed,
      durations: committee.measurements.durations,
      observed: try await observed,
      chains: try await committee.chains(upTo: self.heights)
    )
  }
}

/// Why the demonstration ends with a code other than 0.
struct DemoFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
