import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// One exchange of four calls, spoilt at each of its places in turn.
@Suite struct FaultAtEachPlaceTests {
  /// The same four calls, one of each kind, every time.
  private func scenario(pieces: ClosedRange<Int>, size: Int) -> Scenario {
    var scenario = Scenario(seed: 1, weather: .calm)
    scenario.configuration = LinkedPair.Configuration()
    scenario.configuration.serverHTTP2.streamWindow = 100
    scenario.configuration.clientHTTP2.streamWindow = 100
    scenario.configuration.toServer.pieces = pieces
    scenario.configuration.toClient.pieces = pieces
    scenario.configuration.toServer.latency = .milliseconds(1)
    scenario.configuration.toClient.latency = .milliseconds(1)
    let message = Pattern.bytes(size, from: 7)
    scenario.calls = Scenario.methods.enumerated().map { index, method in
      var plan =
        method.kind == .unary || method.kind == .serverStreaming
        ? CallPlan(method, message: message) : CallPlan(method, sending: [message, message])
      plan.metadata = ["call": "\(index)"]
      return PlannedCall(
        at: .zero,
        plan: plan,
        behaviour: .answer,
        pause: .zero,
        responses: [message, message]
      )
    }
    return scenario
  }

  /// How many frames go each way, and how many turns it takes, when nothing is spoilt.
  private func undisturbed(_ scenario: Scenario) -> Simulation {
    let simulation = Simulation(scenario)
    simulation.run()
    #expect(simulation.faults.isEmpty)
    #expect(simulation.codes == [.ok: 5])
    return simulation
  }

  @Test(arguments: [LinkDirection.toServer, .toClient], [8, 0] as [UInt32])
  func aResetAfterAnyFrameEndsThatCallAndNoOther(direction: LinkDirection, code: UInt32) throws {
    let scenario = self.scenario(pieces: Int.max...Int.max, size: 250)
    let frames = try #require(self.undisturbed(scenario).pair.frameCounts[direction])
    #expect(frames > 15)
    for index in 0..<frames {
      var spoilt = scenario
      spoilt.spoil = { frame in
        frame.direction == direction && frame.index == index ? .resetStream(code: code) : nil
      }
      let simulation = Simulation(spoilt)
      simulation.run()
      #expect(simulation.faults.isEmpty, "after frame \(index)")
      #expect(simulation.codes[.ok, default: 0] >= 4, "after frame \(index)")
    }
  }

  @Test(arguments: [LinkDirection.toServer, .toClient])
  func aCutAfterAnyFrameSettlesEveryCall(direction: LinkDirection) throws {
    let scenario = self.scenario(pieces: Int.max...Int.max, size: 250)
    let frames = try #require(self.undisturbed(scenario).pair.frameCounts[direction])
    for index in 0..<frames {
      var spoilt = scenario
      spoilt.weather = .broken
      spoilt.spoil = { frame in frame.direction == direction && frame.index == index ? .cut : nil }
      let simulation = Simulation(spoilt)
      simulation.run()
      #expect(simulation.faults.isEmpty, "after frame \(index)")
    }
  }

  @Test func aCutAfterAnyByteSettlesEveryCall() {
    var scenario = self.scenario(pieces: 1...1, size: 20)
    scenario.weather = .broken
    var cut = 0
    var isWhole = false
    while !isWhole && cut < 5_000 {
      let simulation = Simulation(scenario)
      var turns = 0
      isWhole = simulation.pair.liveAfter(calls: scenario.calls.map(\.plan)) {
        turns += 1
        return turns > cut
      }
      simulation.pair.cut()
      simulation.settle()
      #expect(simulation.faults.isEmpty, "after \(cut) turns")
      cut += 11
    }
    #expect(isWhole && cut > 300)
  }

  @Test(arguments: [1...1, 1...7, 50...50])
  func aCancellationAtAnyTurnEndsThatCallAndNoOther(pieces: ClosedRange<Int>) {
    let scenario = self.scenario(pieces: pieces, size: 20)
    var place = 0
    var isWhole = false
    while !isWhole && place < 5_000 {
      let simulation = Simulation(scenario)
      var turns = 0
      isWhole = simulation.pair.liveAfter(calls: scenario.calls.map(\.plan)) {
        turns += 1
        return turns > place
      }
      simulation.pair.cancel(place % 4)
      simulation.settle()
      #expect(simulation.faults.isEmpty, "at turn \(place)")
      #expect(simulation.codes[.ok, default: 0] >= 3, "at turn \(place)")
      place += 17
    }
    #expect(isWhole)
  }
}

extension LinkedPair {
  /// Starts the calls and runs until `isPlace`; true if all calls were over before that.
  fileprivate func liveAfter(calls: [CallPlan], isPlace: () -> Bool) -> Bool {
    for plan in calls {
      self.start(plan)
    }
    var isPlaceReached = false
    self.run {
      isPlaceReached = isPlace()
      return isPlaceReached || self.isSettled
    }
    return !isPlaceReached
  }
}
