import BulwarkCore
import Testing

@testable import BulwarkBalancing

@Suite struct LeastRequestTests {
  /// A call every 2 ms for a while, to endpoints that need a given time for each; the share of calls of each.
  private func simulate(
    _ channel: inout ChannelModel,
    milliseconds: Int64,
    latencies: [Int64],
    failing: Set<UInt32> = []
  ) -> [Double] {
    var ends: [(instant: Int64, id: UInt32, latency: Int64)] = []
    var counts = Array(repeating: 0.0, count: latencies.count)
    for _ in 0..<milliseconds / 2 {
      channel.now = channel.now.advanced(byNanoseconds: 2_000_000)
      for end in ends where end.instant <= channel.now.nanoseconds {
        let report = CallReport(failing.contains(end.id) ? .failure : .success, latency: end.latency)
        channel.balancer.callEnded(.number(end.id), report, now: channel.now)
      }
      ends.removeAll { $0.instant <= channel.now.nanoseconds }
      guard let id = channel.pick().endpoint?.rawValue else { continue }
      counts[Int(id) - 1] += 1
      channel.balancer.callStarted(.number(id), now: channel.now)
      let latency = latencies[Int(id) - 1] * 1_000_000
      ends.append((channel.now.nanoseconds + latency, id, latency))
    }
    for end in ends {
      channel.balancer.callEnded(
        .number(end.id),
        CallReport(.success, latency: end.latency),
        now: channel.now
      )
    }
    return counts.map { $0 / counts.reduce(0, +) }
  }

  private func channel(
    _ options: LeastRequestOptions = LeastRequestOptions(),
    count: UInt32,
    seed: UInt64 = 1
  )
    -> ChannelModel
  {
    var channel = ChannelModel(LeastRequestMachine(options: options), seed: seed)
    channel.update(count: count)
    for id in 1...count { channel.report(id, .ready) }
    return channel
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `By latency, an endpoint ten times as slow gets few calls`(seed: UInt64) {
    var channel = self.channel(count: 2, seed: seed)
    let shares = self.simulate(&channel, milliseconds: 20_000, latencies: [10, 100])
    #expect(shares[1] < 0.12, "\(shares)")
    channel = self.channel(count: 5, seed: seed)
    let five = self.simulate(&channel, milliseconds: 20_000, latencies: [10, 10, 10, 10, 100])
    #expect(five[4] < 0.05 && five[..<4].allSatisfy { $0 > 0.15 }, "\(five)")
  }

  @Test func `By calls under way, each gets calls in proportion to its speed`() {
    var channel = self.channel(LeastRequestOptions(measure: .activeCalls), count: 2)
    let shares = self.simulate(&channel, milliseconds: 20_000, latencies: [20, 80])
    #expect(abs(shares[0] - 0.8) < 0.08, "\(shares)")
  }

  @Test func `Equals share equally`() {
    for options in [LeastRequestOptions(), LeastRequestOptions(measure: .activeCalls, choiceCount: 4)] {
      var channel = self.channel(options, count: 4)
      let shares = self.simulate(&channel, milliseconds: 20_000, latencies: [10, 10, 10, 10])
      #expect(shares.allSatisfy { abs($0 - 0.25) < 0.05 }, "\(shares)")
    }
  }

  @Test func `An endpoint that is quick again gets its calls back`() {
    var channel = self.channel(count: 2)
    #expect(self.simulate(&channel, milliseconds: 20_000, latencies: [10, 200])[1] < 0.1)
    _ = self.simulate(&channel, milliseconds: 40_000, latencies: [10, 10])
    #expect(self.simulate(&channel, milliseconds: 20_000, latencies: [10, 10])[1] > 0.3)
  }

  @Test func `Failing at once does not make an endpoint the fastest`() {
    var channel = self.channel(count: 3)
    let shares = self.simulate(&channel, milliseconds: 20_000, latencies: [10, 10, 0], failing: [3])
    #expect(shares[2] < 0.1, "\(shares)")
    channel = self.channel(LeastRequestOptions(failurePenalty: .zero), count: 3)
    let attracted = self.simulate(&channel, milliseconds: 20_000, latencies: [10, 10, 0], failing: [3])
    #expect(attracted[2] > 0.5, "\(attracted)")
  }

  @Test func `A new endpoint gets one call, and the next when that is over`() {
    var channel = self.channel(count: 1)
    _ = self.simulate(&channel, milliseconds: 1_000, latencies: [10])
    channel.update(count: 2)
    channel.report(2, .ready)
    #expect(channel.pick() == .number(2))
    channel.balancer.callStarted(.number(2), now: channel.now)
    #expect((0..<100).allSatisfy { _ in channel.pick() == .number(1) })
    channel.balancer.callEnded(.number(2), CallReport(.success, latency: 1_000), now: channel.now)
    #expect((0..<100).allSatisfy { _ in channel.pick() == .number(2) })
  }

  @Test func `A call that its caller gave up says only that the answer takes longer`() {
    var channel = self.channel(count: 2)
    for id in [1, 2] as [UInt32] {
      channel.balancer.callStarted(.number(id), now: channel.now)
      channel.balancer.callEnded(
        .number(id),
        CallReport(.success, latency: Int64(id) * 1_000),
        now: channel.now
      )
    }
    #expect(channel.pick() == .number(1))
    channel.balancer.callEnded(.number(2), CallReport(.neutral, latency: 10), now: channel.now)
    #expect(channel.pick() == .number(1))
    channel.balancer.callEnded(.number(1), CallReport(.neutral, latency: 9_000), now: channel.now)
    #expect(channel.pick() == .number(2))
  }

  @Test func `A list that changes meanwhile loses no count, and no call is counted off twice`() {
    var channel = self.channel(LeastRequestOptions(measure: .activeCalls), count: 2)
    channel.balancer.callStarted(.number(1), now: channel.now)
    channel.update([2, 1].map { BalancedEndpoint(id: .number($0)) })
    #expect((0..<50).allSatisfy { _ in channel.pick() == .number(2) })
    let report = CallReport(.success, latency: -5)
    for _ in 0..<3 { channel.balancer.callEnded(.number(1), report, now: channel.now) }
    channel.balancer.callStarted(.number(1), now: channel.now)
    #expect((0..<50).allSatisfy { _ in channel.pick() == .number(2) })
    channel.balancer.callStarted(.number(9), now: channel.now)
    channel.balancer.callEnded(.number(9), report, now: channel.now)
  }

  @Test func `A clock that stands still or goes back does no harm`() {
    var channel = self.channel(count: 2)
    for instant in [5, 5, 1, .max, .min] as [Int64] {
      channel.now = MonotonicInstant(nanoseconds: instant)
      channel.balancer.callStarted(.number(1), now: channel.now)
      channel.balancer.callEnded(.number(1), CallReport(.success, latency: .max), now: channel.now)
      #expect(channel.pick().endpoint != nil)
    }
  }

  @Test(arguments: [
    (LeastRequestOptions(choiceCount: 1), "choiceCount"),
    (LeastRequestOptions(choiceCount: 11), "choiceCount"),
    (LeastRequestOptions(measure: .peakEWMA(decay: .zero)), "measure.decay"),
    (LeastRequestOptions(failurePenalty: .seconds(-1)), "failurePenalty"),
  ])
  func `Each bad value is refused by its name`(options: LeastRequestOptions, field: String) throws {
    let error = #expect(throws: InvalidBalancingOption.self) {
      try LoadBalancingPolicy.leastRequest(options).validate()
    }
    #expect(error?.field == field)
    try LoadBalancingPolicy.leastRequest().validate()
  }
}
