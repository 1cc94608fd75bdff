import BulwarkCore
import Testing

@testable import BulwarkBalancing

/// Every way in which the attempts to three addresses can end, in every order, at every moment of the pass.
@Suite struct HappyEyeballsTests {
  private enum Event: Hashable, CaseIterable {
    case firstSucceeds, firstFails, secondSucceeds, secondFails, thirdSucceeds, thirdFails, delay

    var id: UInt32 {
      switch self {
      case .firstSucceeds, .firstFails: 1
      case .secondSucceeds, .secondFails: 2
      case .thirdSucceeds, .thirdFails, .delay: 3
      }
    }

    var succeeds: Bool { self == .firstSucceeds || self == .secondSucceeds || self == .thirdSucceeds }
  }

  /// Plays all sequences of events that can happen, and judges each state on the way; returns how many ended.
  private func explore(_ channel: ChannelModel, failed: Set<UInt32>, asked: Int) -> Int {
    var ends = 0
    for event in Event.allCases {
      var next = channel
      if event == .delay {
        guard let timer = next.balancer.nextTimer else { continue }
        next.advance(milliseconds: (timer.nanoseconds - next.now.nanoseconds) / 1_000_000)
        #expect(next.connected.count == asked + 1)
        ends += self.explore(next, failed: failed, asked: next.connected.count)
      } else {
        guard next.connections[.number(event.id)] == .connecting else { continue }
        next.report(event.id, event.succeeds ? .ready : .backingOff)
        if event.succeeds {
          #expect(next.pick() == .number(event.id))
          #expect(next.connections.values.allSatisfy { $0 != .connecting })
          ends += 1
        } else {
          let failed = failed.union([event.id])
          let wasLast = event.id == asked
          #expect(next.connected.count == min(asked + (wasLast ? 1 : 0), 3))
          #expect((next.balancer.state == .transientFailure) == (failed.count == 3))
          ends += failed.count == 3 ? 1 : self.explore(next, failed: failed, asked: next.connected.count)
        }
      }
      #expect(next.connected == (1...UInt32(next.connected.count)).map { .number($0) })
    }
    return ends
  }

  @Test func `All orders of success and failure end with the first success, or when all have failed`() {
    var channel = ChannelModel(PickFirstMachine())
    channel.update(count: 3)
    channel.deliver()
    // By hand: with all asked and m pending, g(m) = m (1 + g(m - 1)), g(0) = 1: 2, 6, 21. Two asked: with the first
    // failed 1 + g(1) + g(2) = 9, with both pending 2 + 9 + g(2) + g(3) = 38. One asked: 1 + 9 + 38.
    #expect(self.explore(channel, failed: [], asked: 1) == 48)
  }
}
