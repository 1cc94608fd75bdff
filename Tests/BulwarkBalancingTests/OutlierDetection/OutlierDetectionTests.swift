import BulwarkCore
import BulwarkTestKit
import Testing

@testable import BulwarkBalancing

@Suite struct OutlierDetectionTests {
  private static let failing = OutlierDetectionOptions(
    maximumEjectionPercent: 50,
    failurePercentage: FailurePercentageEjection(minimumHosts: 1, requestVolume: 1)
  )

  /// Round robin over so many, all ready.
  private func channel(_ options: OutlierDetectionOptions = failing, count: UInt32) -> ChannelModel {
    var channel = ChannelModel(LoadBalancingPolicy.roundRobin.makeBalancer(outlierDetection: options))
    channel.update(count: count)
    for id in 1...count { channel.report(id, .ready) }
    return channel
  }

  private func picked(_ channel: inout ChannelModel, _ count: Int) -> Set<UInt32> {
    Set((0..<count).compactMap { _ in channel.pick().endpoint?.rawValue })
  }

  @Test func `An endpoint that is found gets no calls until its time is over`() {
    var channel = self.channel(count: 3)
    channel.end(2, failures: 10)
    channel.advance(milliseconds: 9_999)
    #expect(channel.ejections.isEmpty)
    channel.advance(milliseconds: 1)
    #expect(channel.ejections == [Ejection(id: .number(2), cause: .failurePercentage, outcome: .ejected)])
    #expect(self.picked(&channel, 30) == [1, 3])
    channel.sweep(times: 3)
    #expect(self.picked(&channel, 30) == [1, 3])
    channel.sweep()
    #expect(channel.readmissions == [.number(2)])
    #expect(self.picked(&channel, 30) == [1, 2, 3])
    #expect(channel.connected.count == 3)
  }

  @Test func `Each time is longer by the base, up to the maximum, and each interval in use takes one back`() {
    var options = Self.failing
    options.baseEjectionTime = .seconds(15)
    options.maximumEjectionTime = .seconds(35)
    var channel = self.channel(options, count: 2)
    var lengths: [Int] = []
    for _ in 0..<4 {
      channel.end(1, failures: 1)
      channel.sweep()
      let readmissions = channel.readmissions.count
      var sweeps = 0
      while channel.readmissions.count == readmissions {
        channel.sweep()
        sweeps += 1
      }
      lengths.append(sweeps)
    }
    // 15, 30, and 35 s twice, in sweeps of 10 s that have to be later than that.
    #expect(lengths == [2, 4, 4, 4])
    channel.sweep(times: 4)
    channel.end(1, failures: 1)
    channel.sweep(times: 2)
    #expect(channel.readmissions.count == 4)
    channel.sweep()
    #expect(channel.readmissions.count == 5)
  }

  @Test func `A base time above the maximum is the maximum`() {
    var options = Self.failing
    options.baseEjectionTime = .seconds(55)
    options.maximumEjectionTime = .zero
    var channel = self.channel(options, count: 2)
    channel.end(1, failures: 1)
    channel.sweep(times: 6)
    #expect(channel.readmissions.isEmpty)
    channel.sweep()
    #expect(channel.readmissions == [.number(1)])
  }

  @Test func `No more than the maximum share are left out, but one always may be`() {
    var options = Self.failing
    options.maximumEjectionPercent = 0
    var channel = self.channel(options, count: 4)
    for id in 1...3 as ClosedRange<UInt32> { channel.end(id, failures: 1) }
    channel.sweep()
    #expect(channel.ejections.map(\.outcome) == [.ejected, .tooMany, .tooMany])
    options.maximumEjectionPercent = 50
    channel = self.channel(options, count: 4)
    for id in 1...4 as ClosedRange<UInt32> { channel.end(id, failures: 1) }
    channel.sweep()
    #expect(channel.ejections.map(\.outcome) == [.ejected, .ejected, .tooMany, .tooMany])
  }

  @Test func `Only the calls of the last interval are judged, and only with enough of them`() {
    var options = Self.failing
    options.failurePercentage?.requestVolume = 10
    var channel = self.channel(options, count: 2)
    channel.end(1, failures: 9)
    channel.sweep()
    channel.end(1, failures: 9)
    channel.sweep()
    #expect(channel.ejections.isEmpty)
    channel.end(1, failures: 10)
    channel.sweep()
    #expect(channel.ejections.count == 1)
  }

  @Test
  func `A threshold of 85 per cent is passed by 86 of 100, not by 85, and what is neutral does not count`() {
    var channel = self.channel(count: 2)
    channel.end(1, successes: 15, failures: 85, neutral: 1_000)
    channel.end(2, successes: 14, failures: 86, neutral: 1_000)
    channel.sweep()
    #expect(channel.ejections.map(\.id) == [.number(2)])
  }

  @Test func `By success rate those are found that lie more than 1.9 deviations below the mean`() {
    let options = OutlierDetectionOptions(successRate: SuccessRateEjection())
    var channel = self.channel(options, count: 5)
    for id in 1...4 as ClosedRange<UInt32> { channel.end(id, successes: 100) }
    channel.end(5, successes: 50, failures: 50)
    channel.sweep()
    #expect(channel.ejections == [Ejection(id: .number(5), cause: .successRate, outcome: .ejected)])
    channel = self.channel(options, count: 4)
    for id in 1...3 as ClosedRange<UInt32> { channel.end(id, successes: 100) }
    channel.end(4, failures: 100)
    channel.sweep()
    #expect(channel.ejections.isEmpty)
  }

  @Test func `Endpoints that are all alike are never outliers, whatever the factor`() {
    let options = OutlierDetectionOptions(successRate: SuccessRateEjection(stdevFactor: 0, requestVolume: 1))
    for count in 5...20 as ClosedRange<UInt32> {
      for failures in 0...20 {
        var channel = self.channel(options, count: count)
        for id in 1...count { channel.end(id, successes: 3, failures: failures) }
        channel.sweep()
        #expect(channel.ejections.isEmpty)
      }
    }
  }

  @Test func `An enforcement of none leaves nobody out, and one of half about half`() {
    for (percentage, expected) in [(0, 0...0), (50, 70...130), (100, 200...200)] {
      var options = Self.failing
      options.failurePercentage?.enforcementPercentage = percentage
      let outcomes = (0..<200 as Range<UInt64>).map { seed in
        var channel = self.channel(options, count: 2)
        channel.generator = .init(seed: seed)
        channel.end(1, failures: 1)
        channel.sweep()
        return channel.ejections.first?.outcome
      }
      #expect(expected ~= outcomes.count { $0 == .ejected })
      #expect(outcomes.allSatisfy { $0 == .ejected || $0 == .notEnforced })
    }
  }

  @Test func `What its connection does meanwhile is told when it is readmitted`() {
    var channel = self.channel(count: 2)
    channel.end(1, failures: 1)
    channel.sweep()
    channel.connected = []
    channel.report(1, .idle)
    #expect(channel.connected.isEmpty)
    channel.sweep(times: 4)
    #expect(channel.connected == [.number(1)])
    channel.report(1, .ready)
    #expect(self.picked(&channel, 10) == [1, 2])
  }

  @Test func `When all are left out calls fail, and say why`() {
    var options = Self.failing
    options.maximumEjectionPercent = 100
    var channel = self.channel(options, count: 2)
    for id in [1, 2] as [UInt32] { channel.end(id, failures: 1) }
    channel.sweep()
    #expect(channel.pick() == .fail(.ejected))
    #expect(channel.balancer.state == .transientFailure)
  }

  @Test func `A new list keeps who is left out, and forgets who is gone`() {
    var channel = self.channel(count: 3)
    channel.end(1, failures: 1)
    channel.sweep()
    channel.update([3, 1].map { BalancedEndpoint(id: .number($0)) })
    #expect(self.picked(&channel, 10) == [3])
    channel.update([BalancedEndpoint(id: .number(3))])
    channel.end(1, failures: 1)
    channel.sweep()
    #expect(channel.ejections.count == 1)
  }

  @Test func `The balancer inside keeps its timer and its loads`() {
    var options = Self.failing
    options.interval = .seconds(100)
    var channel = ChannelModel(LoadBalancingPolicy.pickFirst().makeBalancer(outlierDetection: options))
    channel.update(count: 2)
    channel.deliver()
    channel.advance(milliseconds: 250)
    #expect(channel.connected == [.number(1), .number(2)])
    #expect(channel.balancer.nextTimer == MonotonicInstant(nanoseconds: 100_000_000_000))
    channel = ChannelModel(LoadBalancingPolicy.leastRequest().makeBalancer(outlierDetection: options))
    channel.update(count: 2)
    for id in [1, 2] as [UInt32] { channel.report(id, .ready) }
    channel.balancer.callStarted(.number(1), now: channel.now)
    #expect((0..<20).allSatisfy { _ in channel.pick() == .number(2) })
  }

  @Test func `Without a rule nothing is wrapped, and nothing timed`() {
    let balancer = LoadBalancingPolicy.roundRobin.makeBalancer(outlierDetection: OutlierDetectionOptions())
    #expect(balancer is RoundRobinMachine)
  }

  @Test(
    arguments: [
      (OutlierDetectionOptions(interval: .zero), "interval"),
      (OutlierDetectionOptions(baseEjectionTime: .seconds(-1)), "baseEjectionTime"),
      (OutlierDetectionOptions(maximumEjectionTime: .seconds(-1)), "maximumEjectionTime"),
      (OutlierDetectionOptions(maximumEjectionPercent: 101), "maximumEjectionPercent"),
      (OutlierDetectionOptions(successRate: .init(stdevFactor: -1)), "successRate.stdevFactor"),
      (
        OutlierDetectionOptions(successRate: .init(enforcementPercentage: 101)),
        "successRate.enforcementPercentage"
      ),
      (OutlierDetectionOptions(successRate: .init(minimumHosts: -1)), "successRate.minimumHosts"),
      (OutlierDetectionOptions(successRate: .init(requestVolume: -1)), "successRate.requestVolume"),
      (OutlierDetectionOptions(failurePercentage: .init(threshold: 101)), "failurePercentage.threshold"),
      (
        OutlierDetectionOptions(failurePercentage: .init(enforcementPercentage: -1)),
        "failurePercentage.enforcementPercentage"
      ),
      (OutlierDetectionOptions(failurePercentage: .init(minimumHosts: -1)), "failurePercentage.minimumHosts"),
      (
        OutlierDetectionOptions(failurePercentage: .init(requestVolume: -1)),
        "failurePercentage.requestVolume"
      ),
      (OutlierDetectionOptions(committee: .init(deviations: .nan)), "committee.deviations"),
      (OutlierDetectionOptions(committee: .init(minimumDifference: 1.5)), "committee.minimumDifference"),
      (OutlierDetectionOptions(committee: .init(latencyFactor: 1)), "committee.latencyFactor"),
      (OutlierDetectionOptions(committee: .init(requestVolume: 0)), "committee.requestVolume"),
    ] as [(OutlierDetectionOptions, String)]
  )
  func `Each bad value is refused by its name`(options: OutlierDetectionOptions, field: String) throws {
    let error = #expect(throws: InvalidBalancingOption.self) { try options.validate() }
    #expect(error?.field == field)
    try OutlierDetectionOptions(
      successRate: SuccessRateEjection(),
      failurePercentage: FailurePercentageEjection(),
      committee: CommitteeEjection(latencyFactor: 4)
    ).validate()
  }
}

extension ChannelModel {
  /// Calls of the endpoint that are over.
  mutating func end(
    _ id: UInt32,
    successes: Int = 0,
    failures: Int = 0,
    neutral: Int = 0,
    latency: Int64 = 1_000_000
  ) {
    for (outcome, count) in [(.success, successes), (.failure, failures), (.neutral, neutral)]
      as [(CallReport.Outcome, Int)]
    {
      for _ in 0..<count {
        self.balancer.callEnded(.number(id), CallReport(outcome, latency: latency), now: self.now)
      }
    }
  }

  /// Lets the interval of ten seconds go by.
  mutating func sweep(times: Int = 1) {
    for _ in 0..<times { self.advance(milliseconds: 10_000) }
  }
}
