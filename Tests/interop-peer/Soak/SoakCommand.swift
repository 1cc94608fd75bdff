import ArgumentParser
import Bulwark

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// `interop-peer soak`.
struct SoakCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak",
    abstract: "Makes calls of every kind that end in every way, and judges and counts each."
  )

  @Option(help: ArgumentHelp("The server.", valueName: "HOST:PORT"))
  var target: HostAndPort

  @Option(help: "How long to call.")
  var seconds = 10.0

  @Option(help: "How many calls are under way at once.")
  var callers = 50

  @Option(
    help: "How much of what the two can do: 1 for as many calls as possible. Below 1 that is measured first."
  )
  var share = 1.0

  @Option(help: "The timeout of a call that is to be answered, in milliseconds.")
  var timeoutMs = 20_000

  @Flag(help: "The server may be gone for a while: calls may fail with UNAVAILABLE, and at their deadlines.")
  var outages = false

  @Flag(help: "Every call is to be answered: no stream is reset, which some peers count as an attack.")
  var answered = false

  @Option(help: "Repeats the calls of a run.")
  var seed = UInt64.random(in: 0 ... .max)

  func validate() throws {
    guard self.share > 0, self.share <= 1 else {
      throw ValidationError("--share must be above 0 and at most 1")
    }
    guard self.callers > 0 else { throw ValidationError("--callers must be at least 1") }
  }

  func run() async throws {
    let client = Client(to: .tcp(host: self.target.host, port: self.target.port))
    let tally = CallTally(of: "client")
    let load = SoakLoad(
      InteropClient(client.intercepted(by: [tally])),
      callers: self.callers,
      timeout: .milliseconds(self.timeoutMs),
      allowsOutages: self.outages,
      areAllAnswered: self.answered
    )
    var rate: Double?
    if self.share < 1 {
      let full = await load.run(for: .seconds(3), seed: self.seed &+ 1)
      rate = full * self.share
      self.say("full load is \(Int(full)) calls/s")
    }
    self.say("soaking, seed \(self.seed)")
    let reached = await load.run(for: .seconds(self.seconds), rate: rate, seed: self.seed)
    self.say("\(Int(reached)) calls/s")
    await client.close()
    await self.settle(tally)
    print(tally)
    try self.judge(load, tally)
    print("ok soak")
  }

  private func say(_ line: String) {
    print(line)
    fflush(nil)
  }

  /// The end of a stream is counted by a task of its own, which may come after its caller.
  private func settle(_ tally: CallTally) async {
    let deadline = ContinuousClock.now + .seconds(5)
    while tally.started != tally.ended, ContinuousClock.now < deadline { await Task.yield() }
  }

  private func judge(_ load: SoakLoad, _ tally: CallTally) throws {
    var wrong = load.wrong
    if tally.started != tally.ended || tally.started != load.calls {
      wrong.append("\(load.calls) calls were made, \(tally.started) have begun, \(tally.ended) have ended")
    }
    if self.outages, load.answersSinceOutage < 100 {
      wrong.append("only \(load.answersSinceOutage) calls were answered since the last outage")
    }
    guard wrong.isEmpty else {
      print("failed soak, seed \(self.seed):\n\(wrong.joined(separator: "\n"))")
      throw ExitCode.failure
    }
  }
}
