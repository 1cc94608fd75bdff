import BulwarkCore
import BulwarkTestKit
import Foundation
import NIOCore
import Testing

@testable import BulwarkTransport

/// Rounds of faults under many calls. In a process of its own, because what is counted at the end is its descriptors.
///
/// `BULWARK_CHAOS_ROUNDS` makes it longer, `BULWARK_CHAOS_SEED` repeats the faults and the calls of a run.
@Suite struct ChaosTests {
  @Test(.timeLimit(.minutes(60)))
  func everyCallEndsInTimeWithTheRightCodeAndNothingIsLeftOpen() async throws {
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      let environment = ProcessInfo.processInfo.environment
      let rounds = environment["BULWARK_CHAOS_ROUNDS"].flatMap { Int($0) } ?? 200
      let seed = environment["BULWARK_CHAOS_SEED"].flatMap { UInt64($0) } ?? .random(in: 0 ... .max)
      // What is made once and kept, event loops above all, is made by a round that does not count.
      try await ChaosRun(seed: seed).play(rounds: 1)
      let before = try OpenDescriptors.count()
      let run = ChaosRun(seed: seed)
      try await run.play(rounds: rounds)
      #expect(try OpenDescriptors.count() == before, "seed \(seed)")
      for code in [StatusCode.ok, .unavailable, .deadlineExceeded, .cancelled] {
        #expect(run.count(of: code) >= rounds, "too few calls ended with \(code) to prove much, seed \(seed)")
      }
      print("chaos: \(rounds) rounds, seed \(seed): \(run.report)")
    }
    print(String(decoding: child?.standardOutputContent ?? [], as: UTF8.self))
  }
}
