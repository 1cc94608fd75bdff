import NIOCore
import NIOPosix
import Testing

@testable import BulwarkTransport

/// An event loop that is to stay awake does so for its time, and then sleeps.
@Suite(.timeLimit(.minutes(1))) struct BusyPollTests {
  @Test func noTimeIsNoPolling() {
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    #expect(BusyPoll(.zero, on: loop) == nil)
    #expect(BusyPoll(.seconds(-1), on: loop) == nil)
    #expect(BusyPoll(.microseconds(1), on: loop) != nil)
  }

  @Test func theLoopSleepsAgainWhenTheTimeIsUp() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let turns = try await loop.submit { () -> EventLoopFuture<Int> in
      let poll = BusyPoll(.milliseconds(2), on: loop)
      poll?.hasTraffic()
      poll?.hasTraffic()
      return Self.turns(of: loop, while: { poll?.isPolling == true }, 0)
    }.flatMap { $0 }.get()
    #expect(turns > 1)
    try await group.shutdownGracefully()
  }

  /// How many turns the loop makes while the condition holds.
  private static func turns(
    of loop: any EventLoop,
    while isPolling: @escaping () -> Bool,
    _ count: Int
  ) -> EventLoopFuture<Int> {
    guard isPolling() else { return loop.makeSucceededFuture(count) }
    let next = loop.makePromise(of: Int.self)
    loop.assumeIsolated().execute {
      self.turns(of: loop, while: isPolling, count + 1).cascade(to: next)
    }
    return next.futureResult
  }

  @Test(arguments: [0, 100])
  func callsAreAnsweredEitherWay(microseconds: Int) async throws {
    var server = ServerConfiguration()
    server.busyPolling = .microseconds(microseconds)
    var client = ClientConfiguration.impatient
    client.busyPolling = .microseconds(microseconds)
    try await withConnection(to: ByteService(), server: server, client: client) { client in
      for number in 0..<50 {
        let answer = try await client.echo("\(number)")
        #expect(answer == "\(number)")
      }
    }
  }
}
