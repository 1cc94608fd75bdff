import BulwarkCore
import Testing

@testable import BulwarkBalancing

@Suite struct WeightedRoundRobinTests {
  /// All ready, at zero.
  private func channel(
    _ options: WeightedRoundRobinOptions = WeightedRoundRobinOptions(),
    weights: [UInt32]
  ) -> ChannelModel {
    var channel = ChannelModel(WeightedRoundRobinMachine(options: options))
    channel.update(weights.enumerated().map { BalancedEndpoint(id: .number(UInt32($0 + 1)), weight: $1) })
    for id in 1...UInt32(weights.count) { channel.report(id, .ready) }
    return channel
  }

  private func shares(_ channel: inout ChannelModel, of count: Int, picks: Int = 10_000) -> [Double] {
    var shares = Array(repeating: 0.0, count: count)
    for _ in 0..<picks {
      guard let id = channel.pick().endpoint else { continue }
      shares[Int(id.rawValue) - 1] += 1 / Double(picks)
    }
    return shares
  }

  private func report(_ channel: inout ChannelModel, _ id: UInt32, _ load: LoadReport) {
    channel.balancer.loadReported(.number(id), load, now: channel.now)
  }

  /// Reports twice, with the blackout between.
  private func report(_ channel: inout ChannelModel, _ loads: [LoadReport?]) {
    for _ in 0..<2 {
      channel.advance(milliseconds: 10_000)
      for (index, load) in loads.enumerated() {
        if let load { self.report(&channel, UInt32(index + 1), load) }
      }
    }
  }

  private func isClose(_ one: [Double], _ other: [Double]) -> Bool {
    one.count == other.count && zip(one, other).allSatisfy { abs($0 - $1) <= 0.01 * $1 }
  }

  @Test(
    arguments: [[1, 2, 3, 4], [1, 1], [100, 1, 50], [7, 7, 7, 7, 8], [1, 2, 4, 8, 16, 32]] as [[UInt32]]
  )
  func `Of 10,000 calls each gets its weight's share within one per cent`(weights: [UInt32]) {
    var channel = self.channel(WeightedRoundRobinOptions(weights: .fixed), weights: weights)
    let sum = Double(weights.reduce(0, +))
    let shares = self.shares(&channel, of: weights.count)
    #expect(self.isClose(shares, weights.map { Double($0) / sum }), "\(shares)")
  }

  @Test func `A reported weight is queries over utilization with its penalty`() {
    var channel = self.channel(weights: [1, 1, 1])
    self.report(
      &channel,
      [
        LoadReport(queriesPerSecond: 100, utilization: 0.5),
        LoadReport(queriesPerSecond: 100, errorsPerSecond: 50, utilization: 0.5),
        LoadReport(queriesPerSecond: 200, utilization: 0.25),
      ]
    )
    // 200, 100 and 800.
    #expect(self.isClose(self.shares(&channel, of: 3), [200.0 / 1100, 100.0 / 1100, 800.0 / 1100]))
  }

  @Test func `Without two weights that are known it is round robin`() {
    var channel = self.channel(weights: [5, 1, 1])
    #expect(self.isClose(self.shares(&channel, of: 3, picks: 9_000), [1.0 / 3, 1.0 / 3, 1.0 / 3]))
    self.report(&channel, [LoadReport(queriesPerSecond: 900, utilization: 0.1), nil, nil])
    #expect(self.isClose(self.shares(&channel, of: 3, picks: 9_000), [1.0 / 3, 1.0 / 3, 1.0 / 3]))
  }

  @Test func `One that reports nothing has the mean of the others`() {
    var channel = self.channel(weights: [1, 1, 1])
    self.report(
      &channel,
      [
        LoadReport(queriesPerSecond: 10, utilization: 1), LoadReport(queriesPerSecond: 30, utilization: 1),
        nil,
      ]
    )
    #expect(self.isClose(self.shares(&channel, of: 3), [10.0 / 60, 30.0 / 60, 20.0 / 60]))
  }

  @Test func `Reports count after the blackout of 10 s, and no longer than 3 min`() {
    var channel = self.channel(weights: [1, 1])
    let loads = [
      LoadReport(queriesPerSecond: 1, utilization: 1), LoadReport(queriesPerSecond: 3, utilization: 1),
    ]
    for (id, load) in zip([1, 2] as [UInt32], loads) { self.report(&channel, id, load) }
    channel.advance(milliseconds: 9_999)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.5, 0.5]))
    channel.advance(milliseconds: 1_001)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.25, 0.75]))
    channel.advance(milliseconds: 168_999)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.25, 0.75]))
    channel.advance(milliseconds: 1_000)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.5, 0.5]))
    for (id, load) in zip([1, 2] as [UInt32], loads) { self.report(&channel, id, load) }
    channel.advance(milliseconds: 5_000)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.5, 0.5]))
    channel.advance(milliseconds: 6_000)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.25, 0.75]))
  }

  @Test func `A new connection begins a new blackout`() {
    var channel = self.channel(weights: [1, 1])
    let loads = [
      LoadReport(queriesPerSecond: 1, utilization: 1), LoadReport(queriesPerSecond: 3, utilization: 1),
    ]
    self.report(&channel, loads)
    channel.report(2, .idle)
    channel.report(2, .ready)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.5, 0.5]))
    self.report(&channel, loads)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.25, 0.75]))
  }

  @Test func `A new list keeps the weights of those that stay`() {
    var channel = self.channel(weights: [1, 1])
    let loads = [
      LoadReport(queriesPerSecond: 1, utilization: 1), LoadReport(queriesPerSecond: 3, utilization: 1),
    ]
    self.report(&channel, loads)
    channel.update([2, 3, 1].map { BalancedEndpoint(id: .number($0)) })
    #expect(self.isClose(self.shares(&channel, of: 2), [0.25, 0.75]))
  }

  @Test func `Weights follow the reports once a second`() {
    var channel = self.channel(weights: [1, 1])
    self.report(&channel, Array(repeating: LoadReport(queriesPerSecond: 1, utilization: 1), count: 2))
    channel.advance(milliseconds: 1_000)
    _ = channel.pick()
    self.report(&channel, 2, LoadReport(queriesPerSecond: 3, utilization: 1))
    channel.advance(milliseconds: 999)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.5, 0.5]))
    channel.advance(milliseconds: 1)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.25, 0.75]))
  }

  @Test func `The trailers of a call carry a report as well`() {
    var channel = self.channel(WeightedRoundRobinOptions(blackoutPeriod: .zero), weights: [1, 1])
    for (id, queries) in [(1, 1.0), (2, 3.0)] as [(UInt32, Double)] {
      let load = LoadReport(queriesPerSecond: queries, utilization: 1)
      channel.balancer.callEnded(.number(id), CallReport(.success, latency: 1, load: load), now: channel.now)
    }
    #expect(self.isClose(self.shares(&channel, of: 2), [0.25, 0.75]))
  }

  @Test(arguments: [
    LoadReport(queriesPerSecond: .nan, utilization: 1), LoadReport(queriesPerSecond: 1, utilization: .nan),
    LoadReport(queriesPerSecond: -1, utilization: 1), LoadReport(queriesPerSecond: 1, utilization: -1),
    LoadReport(queriesPerSecond: 0, utilization: 1), LoadReport(queriesPerSecond: 1, utilization: 0),
    LoadReport(queriesPerSecond: .infinity, utilization: 1),
    LoadReport(queriesPerSecond: 1, utilization: .infinity),
    LoadReport(queriesPerSecond: 1, errorsPerSecond: .nan, utilization: 1),
    LoadReport(queriesPerSecond: 1, errorsPerSecond: .infinity, utilization: 1),
  ])
  func `A report that makes no sense changes nothing`(load: LoadReport) {
    var channel = self.channel(WeightedRoundRobinOptions(blackoutPeriod: .zero), weights: [1, 1])
    for (id, queries) in [(1, 1.0), (2, 3.0)] as [(UInt32, Double)] {
      self.report(&channel, id, LoadReport(queriesPerSecond: queries, utilization: 1))
    }
    self.report(&channel, 1, load)
    #expect(self.isClose(self.shares(&channel, of: 2), [0.25, 0.75]))
  }

  @Test func `No endpoint gets more than ten times the mean, or less than a hundredth of it`() {
    var channel = self.channel(
      WeightedRoundRobinOptions(weights: .fixed),
      weights: [1_000_000] + Array(repeating: 1, count: 19)
    )
    let shares = self.shares(&channel, of: 20, picks: 100_000)
    #expect(abs(shares[0] - 500_000.0 / 509_500) < 0.001)
    #expect(shares[1...].allSatisfy { abs($0 - 500.0 / 509_500) < 0.000_1 })
  }

  @Test(arguments: [
    (WeightedRoundRobinOptions(blackoutPeriod: .seconds(-1)), "blackoutPeriod"),
    (WeightedRoundRobinOptions(weightExpirationPeriod: .seconds(-1)), "weightExpirationPeriod"),
    (WeightedRoundRobinOptions(weightUpdatePeriod: .milliseconds(99)), "weightUpdatePeriod"),
    (WeightedRoundRobinOptions(errorUtilizationPenalty: -0.1), "errorUtilizationPenalty"),
    (WeightedRoundRobinOptions(errorUtilizationPenalty: .nan), "errorUtilizationPenalty"),
  ])
  func `Each bad value is refused by its name`(options: WeightedRoundRobinOptions, field: String) throws {
    let error = #expect(throws: InvalidBalancingOption.self) {
      try LoadBalancingPolicy.weightedRoundRobin(options).validate()
    }
    #expect(error?.field == field)
    try LoadBalancingPolicy.weightedRoundRobin().validate()
  }
}
