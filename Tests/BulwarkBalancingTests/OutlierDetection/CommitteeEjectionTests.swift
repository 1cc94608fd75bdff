import BulwarkCore
import BulwarkTestKit
import Testing

@testable import BulwarkBalancing

@Suite struct CommitteeEjectionTests {
  private func channel(
    _ rule: CommitteeEjection = CommitteeEjection(),
    stakes: [UInt64],
    ready: Bool = true
  ) -> ChannelModel {
    let options = OutlierDetectionOptions(committee: rule)
    var channel = ChannelModel(LoadBalancingPolicy.roundRobin.makeBalancer(outlierDetection: options))
    channel.update(stakes.enumerated().map { BalancedEndpoint(id: .number(UInt32($0 + 1)), stake: $1) })
    for id in 1...UInt32(stakes.count) where ready { channel.report(id, .ready) }
    return channel
  }

  private func equals(_ count: Int) -> [UInt64] { Array(repeating: 1, count: count) }

  private func ejected(_ channel: ChannelModel) -> [UInt32] {
    channel.ejections.filter { $0.outcome == .ejected }.map(\.id.rawValue)
  }

  @Test(arguments: [(4, 1), (7, 2), (10, 3), (13, 4)])
  func `Of 3f + 1 members f that fail are left out, where gRPC's rule by the mean finds none`(
    count: Int,
    faulty: Int
  ) {
    var channel = self.channel(stakes: self.equals(count))
    for id in 1...UInt32(count) {
      channel.end(id, successes: id <= faulty ? 0 : 100, failures: id <= faulty ? 100 : 0)
    }
    channel.sweep()
    #expect(self.ejected(channel) == Array(1...UInt32(faulty)))

    let tallies = (0..<count).map { index in
      var tally = CallTally()
      for _ in 0..<100 {
        tally.add(CallReport(index < faulty ? .failure : .success, latency: 1), withLatency: false)
      }
      return tally
    }
    #expect(SuccessRateEjection(minimumHosts: 1).outliers(in: tallies).isEmpty)
  }

  @Test func `A validator that calls its three peers leaves out one, its own stake counting`() {
    var channel = self.channel(CommitteeEjection(ownStake: 1), stakes: self.equals(3))
    channel.end(1, failures: 20)
    channel.end(2, successes: 20)
    channel.end(3, successes: 20)
    channel.sweep()
    #expect(self.ejected(channel) == [1])
    channel.end(2, failures: 20)
    channel.end(3, successes: 20)
    channel.sweep()
    #expect(
      channel.ejections.last == Ejection(id: .number(2), cause: .committeeFailures, outcome: .neededForQuorum)
    )
    #expect(self.ejected(channel) == [1])
  }

  @Test func `Of more that fail than may go the worst goes`() {
    var channel = self.channel(stakes: self.equals(4))
    channel.end(1, successes: 50, failures: 50)
    channel.end(2, failures: 100)
    channel.end(3, successes: 100)
    channel.end(4, successes: 100)
    channel.sweep()
    #expect(channel.ejections.map(\.id.rawValue).first == 2)
    #expect(self.ejected(channel) == [2])
  }

  @Test(arguments: [(5, 3, 2), (10, 5, 4), (20, 8, 7), (100, 28, 27), (1000, 225, 224)])
  func `Few calls prove little: so many of so many have to fail where the others' do not`(
    calls: Int,
    enough: Int,
    tooFew: Int
  ) {
    for (failures, isFound) in [(enough, true), (tooFew, false)] {
      var channel = self.channel(stakes: self.equals(4))
      channel.end(1, successes: calls - failures, failures: failures)
      for id in 2...4 as ClosedRange<UInt32> { channel.end(id, successes: calls) }
      channel.sweep()
      #expect(self.ejected(channel) == (isFound ? [1] : []), "\(failures) of \(calls)")
    }
  }

  @Test func `When all fail alike nobody is to blame`() {
    var channel = self.channel(stakes: self.equals(7))
    for id in 1...7 as ClosedRange<UInt32> { channel.end(id, successes: 20 + Int(id), failures: 80) }
    channel.sweep()
    #expect(channel.ejections.isEmpty)
  }

  @Test func `One member and members without calls are not judged`() {
    var channel = self.channel(CommitteeEjection(minimumStake: 0), stakes: [1])
    channel.end(1, failures: 100)
    channel.sweep()
    channel = self.channel(stakes: self.equals(4))
    channel.end(1, failures: 4)
    channel.end(2, successes: 100)
    channel.sweep()
    #expect(channel.ejections.isEmpty)
  }

  @Test func `Stake counts, not heads`() {
    var channel = self.channel(stakes: [40, 20, 20, 20])
    for id in 1...4 as ClosedRange<UInt32> {
      channel.end(id, successes: id == 1 ? 0 : 50, failures: id == 1 ? 50 : 0)
    }
    channel.sweep()
    #expect(channel.ejections.map(\.outcome) == [.neededForQuorum])
    for id in 1...4 as ClosedRange<UInt32> {
      channel.end(id, successes: id == 2 ? 0 : 50, failures: id == 2 ? 50 : 0)
    }
    channel.sweep()
    #expect(self.ejected(channel) == [2])
    channel = self.channel(stakes: [.max, .max, 1, 1])
    for id in 1...4 as ClosedRange<UInt32> {
      channel.end(id, successes: id == 4 ? 0 : 50, failures: id == 4 ? 50 : 0)
    }
    channel.sweep()
    #expect(self.ejected(channel) == [4])
  }

  @Test func `Who is left out comes back as soon as it is needed`() {
    var channel = self.channel(stakes: self.equals(4))
    for id in 1...4 as ClosedRange<UInt32> {
      channel.end(id, successes: id == 1 ? 0 : 50, failures: id == 1 ? 50 : 0)
    }
    channel.sweep()
    #expect(self.ejected(channel) == [1])
    channel.report(3, .backingOff)
    #expect(channel.readmissions == [.number(1)])
    #expect(Set((0..<9).compactMap { _ in channel.pick().endpoint?.rawValue }) == [1, 2, 4])
  }

  @Test func `The least bad comes back first`() {
    var channel = self.channel(stakes: self.equals(7))
    for id in 3...7 as ClosedRange<UInt32> { channel.end(id, successes: 100) }
    channel.end(1, failures: 100)
    channel.end(2, successes: 40, failures: 60)
    channel.sweep()
    #expect(self.ejected(channel) == [1, 2])
    channel.report(7, .idle)
    #expect(channel.readmissions == [.number(2)])
    channel.report(6, .idle)
    #expect(channel.readmissions == [.number(2), .number(1)])
  }

  @Test func `A committee that lacks its quorum anyway loses nobody more`() {
    var channel = self.channel(stakes: self.equals(4), ready: false)
    for id in 1...2 as ClosedRange<UInt32> { channel.report(id, .ready) }
    channel.end(1, failures: 100)
    channel.end(2, successes: 100)
    channel.sweep()
    #expect(channel.ejections.map(\.outcome) == [.neededForQuorum])
  }

  @Test func `Latency is judged only if that is asked for, and by ratios`() {
    for (factor, expected) in [(nil, []), (4, [1])] as [(Double?, [UInt32])] {
      var channel = self.channel(CommitteeEjection(latencyFactor: factor), stakes: self.equals(4))
      channel.end(1, successes: 50, latency: 10_000_000)
      channel.end(2, successes: 50, latency: 1_000_000)
      channel.end(3, successes: 50, latency: 1_500_000)
      channel.end(4, successes: 50, latency: 1_200_000)
      // One slow call says nothing, and a fast failure does not make a member quick.
      channel.end(2, successes: 1, latency: 60_000_000_000)
      channel.end(1, failures: 5, latency: 1)
      channel.sweep()
      #expect(self.ejected(channel) == expected)
      #expect(channel.ejections.allSatisfy { $0.cause == .committeeLatency })
    }
  }

  /// The f faulty ones do what they like, the others fail up to one call in ten.
  @Test(arguments: [(4, 1), (7, 2)])
  func `No faulty member has an honest one left out`(count: Int, faulty: Int) {
    for seed in 0..<300 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      let tallies = (0..<count).map { index in
        var tally = CallTally()
        let failures = Int.random(in: 0...(index < faulty ? 100 : 10), using: &generator)
        let calls = index < faulty ? Int.random(in: failures...200, using: &generator) : 100
        for call in 0..<calls {
          tally.add(CallReport(call < failures ? .failure : .success, latency: 1), withLatency: false)
        }
        return tally
      }
      let found = CommitteeEjection().outliers(in: tallies)
      #expect(found.allSatisfy { $0.index < faulty }, "seed \(seed)")
    }
  }

  @Test(arguments: [4, 7])
  func `Whatever happens, nobody who is ready is left out while there is no quorum`(count: Int) {
    for seed in 0..<150 as Range<UInt64> {
      var channel = self.channel(stakes: self.equals(count))
      channel.generator = SeededGenerator(seed: seed)
      for _ in 0..<60 {
        if channel.generator.oneIn(4) {
          for id in 1...UInt32(count) {
            channel.end(
              id,
              successes: Int.random(in: 0...20, using: &channel.generator),
              failures: channel.generator.oneIn(3) ? 40 : 0
            )
          }
          channel.sweep()
        } else {
          channel.step()
        }
        guard let machine = channel.balancer as? OutlierDetectionMachine else { continue }
        let ready = Set(channel.told.filter { $0.value == .ready }.keys)
        let inUse = ready.subtracting(machine.ejected)
        #expect(inUse == ready || inUse.count >= count - (count - 1) / 3, "seed \(seed)")
      }
    }
  }

  @Test func `Median and Wilson's bound are those of the books`() {
    #expect(
      Median.of([]) == nil && Median.of([3]) == 3 && Median.of([9, 1, 2]) == 2
        && Median.of([4, 1, 2, 9]) == 3
    )
    #expect(Wilson.lowerBound(0, of: 10) == 0 && Wilson.lowerBound(0, of: 0) == 0)
    // Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I: 81 of 263 and 15 of 148.
    #expect(abs(Wilson.lowerBound(81, of: 263) - 0.2553) < 0.000_1)
    #expect(abs(Wilson.lowerBound(15, of: 148) - 0.0624) < 0.000_1)
  }
}
