import BulwarkCore
import Testing

@testable import BulwarkBalancing

@Suite struct PickFirstTests {
  private func channel(_ count: UInt32, options: PickFirstOptions = PickFirstOptions()) -> ChannelModel {
    var channel = ChannelModel(PickFirstMachine(options: options))
    channel.update(count: count)
    channel.deliver()
    return channel
  }

  @Test func `The first address is tried alone, the next after 250 ms beside it`() {
    var channel = self.channel(3)
    #expect(channel.connected == [.number(1)])
    channel.advance(milliseconds: 249)
    #expect(channel.connected == [.number(1)])
    channel.advance(milliseconds: 1)
    #expect(channel.connected == [.number(1), .number(2)])
    channel.advance(milliseconds: 250)
    #expect(channel.connected == [.number(1), .number(2), .number(3)])
    #expect(channel.balancer.nextTimer == nil)
    #expect(channel.balancer.state == .connecting && channel.pick() == .wait)
  }

  @Test func `A failure has the next address tried at once, and its delay begin anew`() {
    var channel = self.channel(3)
    channel.advance(milliseconds: 100)
    channel.report(1, .backingOff)
    #expect(channel.connected == [.number(1), .number(2)])
    channel.advance(milliseconds: 249)
    #expect(channel.connected.count == 2)
    channel.advance(milliseconds: 1)
    #expect(channel.connected == [.number(1), .number(2), .number(3)])
  }

  @Test func `A failure of one that is no longer the last tried has nothing follow`() {
    var channel = self.channel(3)
    channel.advance(milliseconds: 250)
    channel.report(1, .backingOff)
    #expect(channel.connected == [.number(1), .number(2)])
  }

  @Test func `The first that is ready gets all calls, and the other attempts end`() {
    var channel = self.channel(3)
    channel.advance(milliseconds: 250)
    channel.report(2, .ready)
    #expect(channel.connections[.number(1)] == .idle)
    #expect(channel.balancer.nextTimer == nil)
    #expect((0..<5).allSatisfy { _ in channel.pick() == .number(2) })
  }

  @Test func `When all have failed calls fail, and each connects again when its backoff is over`() {
    var channel = self.channel(2)
    channel.report(1, .backingOff)
    channel.report(1, .idle)
    #expect(channel.connected == [.number(1), .number(2)])
    channel.report(2, .backingOff)
    #expect(channel.balancer.state == .transientFailure && channel.resolutions == 1)
    #expect(channel.pick() == .fail(.refused(.number(2))))
    #expect(channel.connected == [.number(1), .number(2), .number(1)])
    channel.report(2, .idle)
    #expect(channel.connected == [.number(1), .number(2), .number(1), .number(2)])
    #expect(channel.balancer.state == .transientFailure)
    channel.report(2, .ready)
    #expect(channel.pick() == .number(2))
    #expect(channel.connections[.number(1)] == .idle)
  }

  @Test func `Each further round of failures asks for addresses again`() {
    var channel = self.channel(2)
    for round in 1...3 {
      channel.report(1, .backingOff)
      channel.report(2, .backingOff)
      #expect(channel.resolutions == round)
      channel.report(1, .idle)
      channel.report(2, .idle)
    }
  }

  @Test func `A connection that is lost leaves the channel idle until a call comes`() {
    var channel = self.channel(2)
    channel.report(1, .backingOff)
    channel.report(2, .ready)
    channel.report(2, .idle)
    #expect(channel.balancer.state == .idle && channel.resolutions == 1)
    channel.connected = []
    channel.report(1, .idle)
    #expect(channel.connected.isEmpty)
    #expect(channel.pick() == .wait)
    #expect(channel.connected == [.number(1)])
    channel.report(1, .ready)
    #expect(channel.pick() == .number(1))
  }

  @Test func `An idle channel may be asked to connect without a call`() {
    var channel = self.channel(1)
    channel.report(1, .ready)
    channel.report(1, .idle)
    channel.obey(channel.balancer.exitIdle(now: channel.now))
    #expect(channel.connections[.number(1)] == .connecting)
  }

  @Test func `A pass that finds all in their backoff fails at once`() {
    var channel = self.channel(1)
    channel.report(1, .ready)
    channel.report(1, .backingOff)
    #expect(channel.balancer.state == .idle)
    #expect(channel.pick() == .fail(.refused(.number(1))))
    #expect(channel.balancer.state == .transientFailure && channel.connected == [.number(1)])
  }

  @Test func `A new list keeps the connection that it still names`() {
    var channel = self.channel(2)
    channel.report(1, .ready)
    channel.connected = []
    channel.update([BalancedEndpoint(id: .number(5)), BalancedEndpoint(id: .number(1))])
    #expect(channel.pick() == .number(1) && channel.connected.isEmpty)
    channel.update([BalancedEndpoint(id: .number(5))])
    #expect(channel.pick() == .wait && channel.connected == [.number(5)])
    #expect(channel.balancer.state == .connecting)
  }

  @Test func `A new list does not hide a failure`() {
    var channel = self.channel(1)
    channel.report(1, .backingOff)
    channel.update([BalancedEndpoint(id: .number(2))])
    #expect(channel.connected == [.number(1), .number(2)])
    #expect(channel.balancer.state == .transientFailure)
    channel.report(2, .ready)
    #expect(channel.balancer.state == .ready)
  }

  @Test func `A list is shuffled only if that is asked for`() {
    let orders = (0..<200 as Range<UInt64>).map { seed in
      var channel = ChannelModel(
        PickFirstMachine(options: PickFirstOptions(shuffleAddressList: true)),
        seed: seed
      )
      channel.update(count: 3)
      return channel.connected
    }
    for id in 1...3 as ClosedRange<UInt32> { #expect(orders.count { $0 == [.number(id)] } > 40) }
    #expect(self.channel(3).connected == [.number(1)])
  }

  @Test(
    arguments: [
      ([.ipv6, .ipv6, .ipv4, .ipv4], [1, 3, 2, 4]), ([.ipv4, .ipv6, .ipv6, .ipv6], [1, 2, 3, 4]),
      ([.ipv4, .ipv4, .ipv4, .ipv6], [1, 4, 2, 3]), ([.other, .ipv4, .ipv6, .ipv6], [1, 2, 3, 4]),
      ([], []),
    ] as [([AddressFamily], [UInt32])]
  )
  func `The address families take turns`(families: [AddressFamily], order: [UInt32]) {
    let endpoints = families.enumerated().map { BalancedEndpoint(id: .number(UInt32($0 + 1)), family: $1) }
    #expect(AddressOrder.interleaved(endpoints).map(\.id.rawValue) == order)
  }

  @Test(arguments: [Duration.milliseconds(99), .milliseconds(2001)])
  func `An attempt delay outside the bounds of the RFC is refused`(delay: Duration) throws {
    let error = #expect(throws: InvalidBalancingOption.self) {
      try LoadBalancingPolicy.pickFirst(PickFirstOptions(connectionAttemptDelay: delay)).validate()
    }
    #expect(error?.field == "connectionAttemptDelay")
    try LoadBalancingPolicy.pickFirst().validate()
  }
}
