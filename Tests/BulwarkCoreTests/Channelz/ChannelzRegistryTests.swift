import BulwarkTestKit
import Testing

@testable import BulwarkCore

struct ChannelzRegistryTests {
  private let clock = VirtualClock()
  private let registry: ChannelzRegistry

  init() {
    self.registry = ChannelzRegistry(time: self.clock.timeSource) { .seconds(1_000) }
  }

  private func makeConnections(_ count: Int, of server: ChannelzServer) -> [ChannelzSocket] {
    (0..<count).map { _ in server.addConnection(local: nil, remote: nil) }
  }

  @Test func `A page begins where it is asked to and says whether it is the last`() {
    let server = self.registry.addServer()
    let ids = self.makeConnections(5, of: server).map(\.id)
    let first = server.connections.page(from: 0, limit: 2)
    #expect(first.entities.map(\.id) == [ids[0], ids[1]])
    #expect(!first.isEnd)
    let second = server.connections.page(from: ids[1] + 1, limit: 3)
    #expect(second.entities.map(\.id) == [ids[2], ids[3], ids[4]])
    #expect(second.isEnd)
    let third = server.connections.page(from: ids[4] + 1, limit: 3)
    #expect(third.entities.isEmpty && third.isEnd)
  }

  @Test func `Entries that were closed are left out of pages`() {
    let server = self.registry.addServer()
    let sockets = self.makeConnections(4, of: server)
    sockets[1].close()
    sockets[1].close()
    #expect(
      server.connections.page(from: 0, limit: 9).entities.map(\.id) == [0, 2, 3].map { sockets[$0].id }
    )
    #expect(self.registry.socket(sockets[1].id) == nil)
    #expect(self.registry.socket(sockets[2].id) === sockets[2])
  }

  @Test func `A table takes entries that come out of order`() {
    let server = self.registry.addServer()
    let sockets = self.makeConnections(3, of: server)
    var table = ChannelzTable<ChannelzSocket>()
    for place in [2, 0, 1] { table.insert(sockets[place]) }
    #expect(table.entities.map(\.id) == sockets.map(\.id))
    #expect(table[sockets[1].id] === sockets[1])
    let removals = (table.remove(sockets[1].id), table.remove(sockets[1].id))
    #expect(removals == (true, false))
    #expect(table[sockets[1].id] == nil)
  }

  @Test func `A server's calls are those of its connections, closed ones included`() {
    let server = self.registry.addServer()
    let sockets = self.makeConnections(2, of: server)
    for socket in sockets {
      socket.counters.streamStarted(at: self.clock.now)
      socket.counters.streamEnded(isWhole: true, isOK: true)
      socket.counters.streamStarted(at: self.clock.now)
      socket.counters.streamEnded(isWhole: true, isOK: false)
      self.clock.advance(by: .seconds(1))
    }
    sockets[0].close()
    #expect(server.callTotals.started == 4)
    #expect(server.callTotals.succeeded == 2)
    #expect(server.callTotals.failed == 2)
    #expect(server.callTotals.lastStarted == self.clock.now.advanced(by: .seconds(-1)))
  }

  @Test func `With a server everything leaves that was its`() {
    let server = self.registry.addServer()
    server.addListener(on: .ip([127, 0, 0, 1], port: 1))
    _ = self.makeConnections(2, of: server)
    let other = self.registry.addServer()
    #expect(self.registry.count == 5)
    server.close()
    #expect(self.registry.count == 1)
    #expect(self.registry.server(other.id) === other)
  }

  @Test func `With a channel everything leaves that was its`() {
    let channel = self.registry.addChannel(target: "dns:///node")
    let subchannel = channel.addSubchannel(target: "127.0.0.1:1")
    _ = subchannel.addConnection(local: nil, remote: nil, counters: subchannel.makeCounters())
    #expect(self.registry.count == 3)
    channel.close()
    #expect(self.registry.count == 0)
    #expect(channel.subchannels.isEmpty)
  }

  @Test func `What a socket holds for its details is let go when it closes`() async {
    let socket = self.makeConnections(1, of: self.registry.addServer())[0]
    let details = ChannelzSocketDetails(localWindow: 1, remoteWindow: 2, security: nil)
    #expect(await socket.details == nil)
    socket.inspect { details }
    #expect(await socket.details == details)
    socket.close()
    #expect(await socket.details == nil)
  }

  @Test func `The latest thirty events are kept and all are counted`() {
    let channel = self.registry.addChannel(target: "a")
    for number in 0..<40 { channel.changed(to: number.isMultiple(of: 2) ? .connecting : .idle) }
    #expect(channel.trace.events.count == 30)
    #expect(channel.trace.eventsLogged == 40)
    #expect(channel.trace.events.last?.description == "connectivity changed to IDLE")
  }

  @Test func `An endpoint's failure is a warning with its reason and nothing is noted twice`() {
    let subchannel = self.registry.addChannel(target: "a").addSubchannel(target: "b")
    let reason = RPCError(code: .unavailable, message: "connection refused")
    subchannel.changed(to: .transientFailure, reason)
    subchannel.changed(to: .transientFailure, reason)
    #expect(
      subchannel.trace.events.map(\.description) == [
        "connectivity changed to TRANSIENT_FAILURE: connection refused"
      ]
    )
    #expect(subchannel.trace.events.first?.severity == .warning)
  }

  @Test func `An instant has one wall time however often it is asked for`() {
    let instant = self.clock.now
    #expect(self.registry.wallTime(of: instant) == .seconds(1_000))
    // The wall clock, which stands still here, and the other one are not read at the same moment.
    self.clock.advance(by: .milliseconds(100))
    #expect(self.registry.wallTime(of: instant) == .seconds(1_000))
    #expect(self.registry.wallTime(of: self.clock.now) == .milliseconds(1_000_100))
  }

  @Test func `A wall clock that was set is believed`() {
    let instant = self.clock.now
    self.clock.advance(by: .seconds(3))
    #expect(self.registry.wallTime(of: instant) == .seconds(997))
  }
}
