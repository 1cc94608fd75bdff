import BulwarkCore
import BulwarkTestKit
import Testing

@testable import BulwarkBalancing

/// Whatever happens, in whatever order: of each policy, over many seeds.
@Suite struct RandomEventTests {
  private static let policies: [LoadBalancingPolicy] = [
    .pickFirst(), .pickFirst(PickFirstOptions(shuffleAddressList: true)), .roundRobin,
    .weightedRoundRobin(), .weightedRoundRobin(WeightedRoundRobinOptions(weights: .fixed)), .leastRequest(),
    .leastRequest(LeastRequestOptions(measure: .activeCalls, choiceCount: 5)),
    // The ring is built anew with each list, which takes most of the time if it is large.
    .ringHash(RingHashOptions(minimumRingSize: 16, maximumRingSize: 64)),
  ]

  /// A list of up to six of eight endpoints.
  private func list(using generator: inout SeededGenerator) -> [BalancedEndpoint] {
    let families: [AddressFamily] = [.ipv4, .ipv6, .other]
    return (0..<Int.random(in: 0...6, using: &generator)).map { _ in
      let id = UInt32.random(in: 1...8, using: &generator)
      return BalancedEndpoint(
        id: .number(id),
        family: families[Int(id) % 3],
        weight: id % 3,
        hashKey: "10.0.0.\(id):443"
      )
    }
  }

  @Test(arguments: policies)
  func `A call goes only to an endpoint that is listed and said last that it is ready`(
    policy: LoadBalancingPolicy
  ) {
    for seed in 0..<40 as Range<UInt64> {
      var channel = ChannelModel(policy.makeBalancer(), seed: seed)
      for _ in 0..<300 {
        if channel.generator.oneIn(20) {
          channel.update(self.list(using: &channel.generator))
        } else {
          channel.step()
        }
        let decision = channel.pick(hash: channel.generator.oneIn(2) ? channel.generator.next() : nil)
        if let id = decision.endpoint {
          #expect(channel.told[id] == .ready, "seed \(seed)")
          #expect(channel.balancer.state == .ready, "seed \(seed)")
        }
        if case .fail = decision { #expect(channel.balancer.state != .connecting, "seed \(seed)") }
      }
    }
  }

  @Test(arguments: policies)
  func `Nor does a call go to one that outlier detection leaves out`(policy: LoadBalancingPolicy) {
    let options = OutlierDetectionOptions(
      interval: .milliseconds(500),
      baseEjectionTime: .seconds(1),
      maximumEjectionPercent: 60,
      failurePercentage: FailurePercentageEjection(threshold: 40, minimumHosts: 1, requestVolume: 1)
    )
    var ejections = 0
    for seed in 0..<100 as Range<UInt64> {
      var channel = ChannelModel(policy.makeBalancer(outlierDetection: options), seed: seed)
      for _ in 0..<300 {
        if channel.generator.oneIn(40) { channel.update(self.list(using: &channel.generator)) }
        channel.step()
        guard let id = channel.pick(hash: channel.generator.next()).endpoint else { continue }
        let ejected = (channel.balancer as? OutlierDetectionMachine)?.ejected ?? []
        #expect(channel.told[id] == .ready && !ejected.contains(id), "seed \(seed)")
        channel.end(id.rawValue, successes: 1, failures: id.rawValue.isMultiple(of: 3) ? 1 : 0)
      }
      ejections += channel.ejections.count { $0.outcome == .ejected }
    }
    #expect(ejections > 50)
  }

  @Test(arguments: policies)
  func `However it came to be where it is, calls go through once connections succeed`(
    policy: LoadBalancingPolicy
  ) {
    for seed in 0..<200 as Range<UInt64> {
      var channel = ChannelModel(policy.makeBalancer(), seed: seed)
      channel.update(self.list(using: &channel.generator))
      for _ in 0..<Int.random(in: 0..<100, using: &channel.generator) { channel.step() }
      channel.update(count: 4)
      channel.heal()
      #expect(channel.pick().endpoint != nil, "seed \(seed)")
      #expect(channel.balancer.state == .ready, "seed \(seed)")
    }
  }

  @Test(arguments: policies)
  func `Before there is a list calls wait, with an empty one they fail`(policy: LoadBalancingPolicy) {
    var channel = ChannelModel(policy.makeBalancer())
    #expect(channel.pick() == .wait)
    #expect(channel.balancer.state == .idle)
    channel.obey(channel.balancer.resolutionFailed(.refused(.number(9))))
    #expect(channel.pick() == .fail(.refused(.number(9))))
    #expect(channel.balancer.state == .transientFailure)
    channel.update([])
    #expect(channel.pick() == .fail(.noEndpoints))
    #expect(channel.resolutions == 1)
    channel.update(count: 2)
    #expect(channel.pick() == .wait)
  }

  @Test(arguments: policies)
  func `A failing resolver takes nothing away from those that are listed`(policy: LoadBalancingPolicy) {
    var channel = ChannelModel(policy.makeBalancer())
    channel.update(count: 1)
    _ = channel.pick()
    channel.report(1, .ready)
    #expect(channel.balancer.resolutionFailed(.refused(.number(9))) == BalancerActions())
    #expect(channel.pick() == .number(1))
  }

  @Test(arguments: policies)
  func `What is no longer listed may report what it likes`(policy: LoadBalancingPolicy) {
    var channel = ChannelModel(policy.makeBalancer())
    channel.update(count: 2)
    channel.update([BalancedEndpoint(id: .number(2))])
    let actions = channel.balancer.connectivityChanged(.number(1), to: .ready, now: channel.now)
    #expect(actions == BalancerActions())
    #expect(channel.pick() == .wait)
  }
}
