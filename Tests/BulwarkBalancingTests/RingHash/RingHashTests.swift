import BulwarkCore
import Testing

@testable import BulwarkBalancing

@Suite struct RingHashTests {
  private func channel(_ count: UInt32) -> ChannelModel {
    var channel = ChannelModel(RingHashMachine())
    channel.update(count: count)
    return channel
  }

  /// A hash whose call goes to this endpoint of so many.
  private func hash(_ id: UInt32, of count: UInt32) -> UInt64 {
    let keys = (1...count).map { (key: "10.0.0.\($0):443", weight: 1 as UInt32) }
    let ring = HashRing(keys, minimumSize: 1024, maximumSize: 4096)
    let hashes = (0..<1_000).lazy.map { XXH64.hash("key \($0)") }
    return hashes.first { ring.owner(at: ring.place(of: $0)) == Int(id) - 1 } ?? 0
  }

  @Test func `Nothing connects before a call does, and then only what it wants`() {
    var channel = self.channel(4)
    #expect(channel.balancer.state == .idle && channel.connected.isEmpty)
    let hash = self.hash(3, of: 4)
    #expect(channel.pick(hash: hash) == .wait)
    #expect(channel.pick(hash: hash) == .wait)
    #expect(channel.connected == [.number(3)])
    channel.report(3, .ready)
    #expect(channel.pick(hash: hash) == .number(3))
  }

  @Test func `Calls of one hash stay together, those of others spread`() {
    var channel = self.channel(4)
    for id in 1...4 as ClosedRange<UInt32> {
      _ = channel.pick(hash: self.hash(id, of: 4))
      channel.report(id, .ready)
    }
    var counts: [EndpointID: Int] = [:]
    for number in 0..<1_000 {
      let hash = XXH64.hash("client \(number)")
      guard let id = channel.pick(hash: hash).endpoint else { continue }
      #expect(channel.pick(hash: hash).endpoint == id)
      counts[id, default: 0] += 1
    }
    #expect(counts.count == 4 && counts.values.allSatisfy { $0 > 100 })
  }

  @Test func `A failed endpoint's calls go to the next one on the ring, and come back`() {
    var channel = self.channel(3)
    let hash = self.hash(1, of: 3)
    _ = channel.pick(hash: hash)
    channel.report(1, .backingOff)
    #expect(channel.balancer.state == .connecting)
    #expect(channel.pick(hash: hash) == .wait)
    for id in [2, 3] as [UInt32] where channel.connections[.number(id)] == .connecting {
      channel.report(id, .ready)
    }
    let second = channel.pick(hash: hash)
    #expect(second == .number(2) || second == .number(3))
    channel.report(1, .idle)
    #expect(channel.connections[.number(1)] == .connecting)
    #expect(channel.pick(hash: hash) == second)
    channel.report(1, .ready)
    #expect(channel.pick(hash: hash) == .number(1))
  }

  @Test func `The failure of an endpoint moves the calls that were its own, and no other`() {
    var channel = self.channel(5)
    for id in 1...5 as ClosedRange<UInt32> {
      _ = channel.pick(hash: self.hash(id, of: 5))
      channel.report(id, .ready)
    }
    let before = (0..<2_000).map { channel.pick(hash: XXH64.hash("client \($0)")).endpoint }
    channel.report(4, .backingOff)
    let after = (0..<2_000).map { channel.pick(hash: XXH64.hash("client \($0)")).endpoint }
    #expect(zip(before, after).allSatisfy { $0 == .number(4) ? $1 != .number(4) : $0 == $1 })
    #expect(Set(after).count == 4)
  }

  @Test func `When all have failed calls fail, with the last failure`() {
    var channel = self.channel(2)
    _ = channel.pick(hash: self.hash(1, of: 2))
    channel.report(1, .backingOff)
    channel.report(2, .backingOff)
    #expect(channel.pick(hash: 7) == .fail(.refused(.number(2))))
    #expect(channel.pick() == .fail(.refused(.number(2))))
    #expect(channel.balancer.state == .transientFailure)
  }

  @Test func `A lost connection waits for a call that wants it`() {
    var channel = self.channel(2)
    let hash = self.hash(2, of: 2)
    _ = channel.pick(hash: hash)
    channel.report(2, .ready)
    channel.report(2, .idle)
    #expect(channel.connections[.number(2)] == .idle && channel.resolutions == 1)
    #expect(channel.balancer.state == .idle)
    #expect(channel.pick(hash: hash) == .wait)
    #expect(channel.connections[.number(2)] == .connecting)
  }

  @Test func `The channel's state follows the rules of A42`() {
    var channel = self.channel(3)
    _ = channel.pick(hash: self.hash(1, of: 3))
    #expect(channel.balancer.state == .connecting)
    channel.report(1, .backingOff)
    #expect(channel.balancer.state == .connecting)
    #expect(channel.connections.values.count { $0 == .connecting } == 1)
    let second: UInt32 = channel.connections[.number(2)] == .connecting ? 2 : 3
    channel.report(second, .backingOff)
    #expect(channel.balancer.state == .transientFailure)
    #expect(channel.connections[.number(5 - second)] == .connecting)
    #expect(channel.pick() == .wait)
    channel.report(5 - second, .ready)
    #expect(channel.balancer.state == .ready)
  }

  @Test func `A call without a hash goes to any that is ready, and has at most one connect`() {
    var channel = self.channel(4)
    #expect(channel.pick() == .wait)
    #expect(channel.pick() == .wait)
    #expect(channel.connected.count == 1)
    let first = channel.connected.first?.rawValue ?? 0
    channel.report(first, .ready)
    for _ in 0..<50 { #expect(channel.pick() == .number(first)) }
    #expect(channel.connected.count == 2)
    for _ in 0..<200 {
      for id in 1...4 as ClosedRange<UInt32> where channel.connections[.number(id)] == .connecting {
        channel.report(id, .ready)
      }
      _ = channel.pick()
    }
    #expect(Set((0..<200).compactMap { _ in channel.pick().endpoint }).count == 4)
  }

  @Test func `It may be asked to connect without a call`() {
    var channel = self.channel(3)
    channel.obey(channel.balancer.exitIdle(now: channel.now))
    channel.obey(channel.balancer.exitIdle(now: channel.now))
    #expect(channel.connected.count == 1)
  }

  @Test(arguments: [
    (RingHashOptions(minimumRingSize: 0), "minimumRingSize"),
    (RingHashOptions(minimumRingSize: 8_388_609, maximumRingSize: 8_388_609), "minimumRingSize"),
    (RingHashOptions(maximumRingSize: 1023), "maximumRingSize"),
    (RingHashOptions(maximumRingSize: 8_388_609), "maximumRingSize"),
    (RingHashOptions(requestHashHeader: ""), "requestHashHeader"),
    (RingHashOptions(requestHashHeader: "Session"), "requestHashHeader"),
    (RingHashOptions(requestHashHeader: "session-bin"), "requestHashHeader"),
  ])
  func `Each bad value is refused by its name`(options: RingHashOptions, field: String) throws {
    let error = #expect(throws: InvalidBalancingOption.self) {
      try LoadBalancingPolicy.ringHash(options).validate()
    }
    #expect(error?.field == field)
    try LoadBalancingPolicy.ringHash(RingHashOptions(requestHashHeader: "session-id")).validate()
  }
}
