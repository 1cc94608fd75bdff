import Testing

@testable import BulwarkCore

/// The registry under real parallelism: connections come and go on several threads while others look.
@Suite(.timeLimit(.minutes(1))) struct ChannelzThreadTests {
  private let registry = ChannelzRegistry()

  /// Opens connections one after the other, each with so many calls, every second one with OK.
  private func connect(_ count: Int, calls: Int, to server: ChannelzServer) {
    for _ in 0..<count {
      let socket = server.addConnection(local: nil, remote: nil)
      for call in 0..<calls {
        socket.counters.streamStarted(at: .now())
        socket.counters.streamEnded(isWhole: true, isOK: call.isMultiple(of: 2))
      }
      socket.close()
    }
  }

  @Test func `A call is counted once though its connection closes while somebody sums up`() async {
    let server = self.registry.addServer()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<3 {
        group.addTask { self.connect(500, calls: 10, to: server) }
      }
      group.addTask {
        var last: Int64 = 0
        var falls = 0
        for _ in 0..<2_000 {
          let started = server.callTotals.started
          if started < last { falls += 1 }
          last = started
        }
        #expect(falls == 0)
      }
    }
    #expect(server.callTotals.started == 15_000)
    #expect(server.callTotals.succeeded == 7_500)
    #expect(server.callTotals.failed == 7_500)
    #expect(self.registry.count == 1)
  }

  @Test func `Pages are in order whichever thread adds`() async {
    let server = self.registry.addServer()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<500 { _ = server.addConnection(local: nil, remote: nil) }
        }
      }
    }
    let ids = server.connections.sockets.map(\.id)
    #expect(ids.count == 2_000)
    #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    #expect(self.registry.count == 2_001)
  }
}
