import ArgumentParser

@main
struct ConsensusDemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "consensus-demo",
    abstract: "Shows what Bulwark's policies do, over real connections within one process.",
    discussion: """
      Seven scenes, each of which says what is set up, shows what becomes of each call, and holds what was to be seen \
      against what was. If anything is not kept, the program names the scene and ends with code 1.

        1  a flaky service: the circuit breaker opens, refuses without the network, and heals
        2  a burst: the rate limiter lets 100 of 150 pass, and tells the others when to come back
        3  concurrent tasks: the bulkhead has 50 run and 20 wait, and refuses 30
        4  eventual success: retry makes calls succeed whose first two attempts fail
        5  full protection: all of it around one method, through a rush and through faults
        6  a committee of four validators decides blocks, and goes on when one node is lost
        7  the load test: 500 calls at once through everything

      Colours and the line that changes are for terminals alone; NO_COLOR takes the colours away.
      """
  )

  @Option(help: "Plays one scene only, 1 to 7.")
  var scene: Int?

  @Option(help: "How many heights the committee decides, 2 to 250.")
  var heights: UInt64 = 20

  @Option(help: "A Python interpreter with grpcio, to look at the committee from outside. Needs --look-in.")
  var python: String?

  @Option(help: "The Python script that looks in; it is given HOST:PORT of the first node.")
  var lookIn: String?

  func validate() throws {
    guard (1...7).contains(self.scene ?? 1) else { throw ValidationError("--scene must be 1 to 7.") }
    guard (2...250).contains(self.heights) else { throw ValidationError("--heights must be 2 to 250.") }
    guard (self.python == nil) == (self.lookIn == nil) else {
      throw ValidationError("--python and --look-in belong together.")
    }
  }

  private var scenes: [any Scene] {
    var lookIn: LookIn?
    if let python, let script = self.lookIn { lookIn = LookIn(python: python, script: script) }
    return [
      FlakyServiceScene(), BurstScene(), BulkheadScene(), RetryScene(), FullProtectionScene(),
      CommitteeScene(heights: self.heights, lookIn: lookIn), LoadTestScene(),
    ]
  }

  func run() async throws {
    let screen = Screen.standard
    screen.line("Each mark is a call, in the order in which they end:")
    screen.line("  " + Strip.legend(on: screen))
    var broken: [String] = []
    for (number, scene) in zip(1..., self.scenes) where self.scene == nil || self.scene == number {
      let name = "\(number) (\(scene.title))"
      screen.line()
      screen.line(screen.painted("\(number)  \(scene.title)", .bold))
      screen.line("   \(scene.setting)")
      do {
        let promises = try await scene.play(on: screen)
        for promise in promises { screen.line(promise.line(on: screen)) }
        if !promises.allSatisfy(\.isKept) { broken.append(name) }
      } catch {
        throw DemoFailure("scene \(name): \(error)")
      }
    }
    guard broken.isEmpty else {
      throw DemoFailure("not everything was kept in scene \(broken.joined(separator: ", scene "))")
    }
  }
}

/// Why the demonstration ends with a code other than 0.
struct DemoFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
