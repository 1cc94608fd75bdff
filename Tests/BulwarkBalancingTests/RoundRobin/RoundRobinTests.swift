import BulwarkCore
import Testing

@testable import BulwarkBalancing

@Suite struct RoundRobinTests {
  private func channel(_ count: UInt32, ready: [UInt32]) -> ChannelModel {
    var channel = ChannelModel(RoundRobinMachine())
    channel.update(count: count)
    for id in ready { channel.report(id, .ready) }
    return channel
  }

  @Test func `All endpoints connect at once, and again when they are lost or their backoff is over`() {
    var channel = self.channel(3, ready: [])
    #expect(channel.connected == [.number(1), .number(2), .number(3)])
    channel.connected = []
    channel.report(2, .ready)
    channel.report(2, .idle)
    channel.report(3, .backingOff)
    channel.report(3, .idle)
    #expect(channel.connected == [.number(2), .number(3)])
  }

  @Test(arguments: 1...9 as ClosedRange<UInt32>)
  func `Of n endpoints each gets every nth call, exactly`(count: UInt32) {
    var channel = self.channel(count, ready: Array(1...count))
    let picks = (0..<Int(count) * 7).map { _ in channel.pick().endpoint?.rawValue }
    for (index, pick) in picks.enumerated().dropFirst() {
      #expect(pick == (picks[index - 1] ?? 0) % count + 1)
    }
  }

  @Test func `The first endpoint is drawn, so that clients spread`() {
    let firsts = (0..<400 as Range<UInt64>).map { seed in
      var channel = ChannelModel(RoundRobinMachine(), seed: seed)
      channel.update(count: 4)
      for id in 1...4 as ClosedRange<UInt32> { channel.report(id, .ready) }
      return channel.pick().endpoint?.rawValue ?? 0
    }
    for id in 1...4 as ClosedRange<UInt32> { #expect(firsts.count { $0 == id } > 60) }
  }

  @Test func `Those that are not ready are passed over`() {
    var channel = self.channel(4, ready: [1, 3])
    let picks = (0..<10).map { _ in channel.pick().endpoint?.rawValue ?? 0 }
    #expect(picks.count { $0 == 1 } == 5 && picks.count { $0 == 3 } == 5)
    channel.report(1, .idle)
    #expect((0..<5).allSatisfy { _ in channel.pick() == .number(3) })
  }

  @Test func `A new list keeps what is connected`() {
    var channel = self.channel(3, ready: [1, 2])
    channel.connected = []
    channel.update([BalancedEndpoint(id: .number(2)), BalancedEndpoint(id: .number(7))])
    #expect(channel.connected == [.number(7)])
    #expect((0..<5).allSatisfy { _ in channel.pick() == .number(2) })
  }

  @Test func `The channel is what its best endpoint is`() {
    var channel = self.channel(2, ready: [])
    #expect(channel.balancer.state == .connecting)
    channel.report(1, .backingOff)
    #expect(channel.balancer.state == .connecting)
    channel.report(2, .ready)
    #expect(channel.balancer.state == .ready)
    channel.report(2, .backingOff)
    #expect(channel.balancer.state == .transientFailure)
  }

  @Test func `A failure stays until one is ready, and calls learn the last one`() {
    var channel = self.channel(2, ready: [])
    channel.report(1, .backingOff)
    #expect(channel.pick() == .wait)
    channel.report(2, .backingOff)
    #expect(channel.pick() == .fail(.refused(.number(2))))
    channel.report(1, .idle)
    #expect(channel.balancer.state == .transientFailure)
    #expect(channel.pick() == .fail(.refused(.number(2))))
    channel.report(1, .ready)
    #expect(channel.pick() == .number(1))
  }

  @Test func `A lost connection and a failure ask for addresses, and each change for the calls that wait`() {
    var channel = self.channel(2, ready: [1])
    let repicks = channel.repicks
    channel.report(1, .idle)
    #expect(channel.resolutions == 1)
    channel.report(2, .backingOff)
    #expect(channel.resolutions == 2)
    channel.report(1, .ready)
    #expect(channel.repicks > repicks)
  }
}
