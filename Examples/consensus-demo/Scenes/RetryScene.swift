import Bulwark
import BulwarkResilience
import ConsensusService
import Synchronization

/// Retry makes calls succeed that fail twice.
struct RetryScene: Scene {
  let title = "eventual success and retry"
  let setting =
    "SubmitVote fails twice, then passes. Client: 3 attempts, 40 ms before the second, then 80 ms"

  private static let calls = 8
  private static let method = ConsensusServiceMethods.submitVote

  /// Hears of each retry and its delay.
  private final class Listener: PolicyObserver {
    private let delays = Mutex<[Duration]>([])

    func observe(_ event: PolicyEvent) {
      guard case .retrying(_, let delay) = event.occurrence else { return }
      self.delays.withLock { $0.append(delay) }
    }

    /// The delays since it was asked last.
    func take() -> [Duration] {
      self.delays.withLock { delays in
        defer { delays = [] }
        return delays
      }
    }
  }

  func play(on screen: Screen) async throws -> [Promise] {
    let policies = PolicySet {
      Calls(to: Self.method).retry(attempts: 3, initialBackoff: .milliseconds(40))
    }
    return try await Stage.withRunning(client: policies) { stage in
      try stage.faults.set([FaultSetting("SubmitVote:first=2/3")])
      let listener = Listener()
      stage.clientManager.events.addObserver(listener)
      var tally = Tally()
      var delays: [[Duration]] = []
      for number in 1...Self.calls {
        let record = await CallRecord.of(stage.submitVote)
        delays.append(listener.take())
        tally.add(record)
        screen.line("     " + self.line(number, record, delays[delays.count - 1], screen))
      }
      return self.promises(tally, delays, stage)
    }
  }

  private func line(_ number: Int, _ record: CallRecord, _ delays: [Duration], _ screen: Screen) -> String {
    let attempts = Array(repeating: CallOutcome.failed, count: delays.count) + [record.outcome]
    let marks = attempts.map { screen.painted($0.mark, $0.colour) }.joined()
    let pauses = delays.map(\.wholeMilliseconds).joined(separator: ", then ")
    return "call \(number)  \(marks)  waited \(pauses); \(record.duration.wholeMilliseconds) in all"
  }

  private func promises(_ tally: Tally, _ delays: [[Duration]], _ stage: Stage) -> [Promise] {
    let attempts = stage.arrived(Self.method.descriptor)
    let inTime = delays.allSatisfy { pauses in
      pauses.count == 2 && (.milliseconds(30) ... .milliseconds(50)).contains(pauses[0])
        && (.milliseconds(60) ... .milliseconds(100)).contains(pauses[1])
    }
    let (shortest, longest) = (delays.joined().min() ?? .zero, delays.joined().max() ?? .zero)
    return [
      Promise("the caller sees no failure", seen: tally.text, isKept: tally.count(.answered) == Self.calls),
      Promise(
        "each of the 8 calls takes 3 attempts",
        seen: "\(attempts) at the server",
        isKept: attempts == 3 * Self.calls
      ),
      Promise(
        "delays are 40 ms and 80 ms, give or take 25 %",
        seen: "\(shortest.wholeMilliseconds) to \(longest.wholeMilliseconds)",
        isKept: inTime
      ),
    ]
  }
}
