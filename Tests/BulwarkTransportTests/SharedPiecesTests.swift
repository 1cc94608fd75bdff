import BulwarkCore
import NIOCore
import NIOEmbedded
import Testing

@testable import BulwarkTransport

@Suite struct EndpointTests {
  @Test(arguments: [
    ("127.0.0.1:50051", Endpoint.tcp(host: "127.0.0.1", port: 50051)),
    ("[::1]:0", .tcp(host: "::1", port: 0)),
    ("validator.example:65535", .tcp(host: "validator.example", port: 65535)),
    ("unix:/run/node.sock", .unix(path: "/run/node.sock")),
  ])
  func whatADescriptionSaysIsReadBack(text: String, endpoint: Endpoint) {
    #expect(Endpoint(text) == endpoint)
    #expect(endpoint.description == text)
  }

  @Test(arguments: ["", "host", "host:", ":1", "host:65536", "host:-1", "host:+1", "::1:80", "unix:"])
  func whatIsNoEndpointIsRefused(text: String) {
    #expect(Endpoint(text) == nil)
  }

  @Test func theAuthorityOfASocketPathIsLocalhost() {
    #expect(Endpoint.unix(path: "/run/node.sock").authority == "localhost")
    #expect(Endpoint.tcp(host: "::1", port: 80).authority == "[::1]:80")
  }

  @Test func aPeerSaysWhereItIs() throws {
    #expect(Peer(try SocketAddress(ipAddress: "10.0.0.7", port: 9)).address == "ipv4:10.0.0.7:9")
    #expect(Peer(try SocketAddress(ipAddress: "::1", port: 9)).address == "ipv6:[::1]:9")
    #expect(Peer(try SocketAddress(unixDomainSocketPath: "/s")).address == "unix:/s")
    #expect(Peer(nil).address == "unknown")
  }
}

@Suite(.timeLimit(.minutes(1))) struct PromiseTests {
  @Test func everyWaiterGetsTheFirstValue() async throws {
    let promise = Promise<Int>()
    let waiters = (0..<4).map { _ in Task.immediate { try await promise.value() } }
    promise.complete(.success(1))
    promise.complete(.success(2))
    for waiter in waiters {
      #expect(try await waiter.value == 1)
    }
    #expect(try await promise.value() == 1)
  }

  @Test func aCancelledWaiterLeavesTheOthersWaiting() async throws {
    let promise = Promise<Int>()
    let cancelled = Task.immediate { try await promise.value() }
    let other = Task.immediate { try await promise.value() }
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    promise.complete(.success(7))
    #expect(try await other.value == 7)
  }
}

@Suite struct DeadlineTimerTests {
  private let loop = EmbeddedEventLoop()

  private func instant(_ milliseconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
  }

  @Test func theTimerFiresAtTheEarliestOfItsInstants() {
    let fired = Total()
    let timer = DeadlineTimer(on: self.loop) { fired.add(1) }
    timer.update(self.instant(50))
    timer.update(self.instant(20))
    timer.update(self.instant(40))
    timer.update(nil)
    self.loop.advanceTime(by: .milliseconds(19))
    #expect(fired.value == 0)
    self.loop.advanceTime(by: .milliseconds(1))
    #expect(fired.value == 1)
    self.loop.advanceTime(by: .milliseconds(100))
    #expect(fired.value == 1)
  }

  @Test func aTimerThatHasFiredCanBeArmedAgain() {
    let fired = Total()
    let timer = DeadlineTimer(on: self.loop) { fired.add(1) }
    timer.update(self.instant(10))
    self.loop.advanceTime(by: .milliseconds(10))
    timer.update(self.instant(30))
    self.loop.advanceTime(by: .milliseconds(20))
    #expect(fired.value == 2)
  }

  @Test func aStoppedTimerNeverFires() {
    let fired = Total()
    let timer = DeadlineTimer(on: self.loop) { fired.add(1) }
    timer.update(self.instant(10))
    timer.stop()
    timer.update(self.instant(5))
    self.loop.advanceTime(by: .milliseconds(100))
    #expect(fired.value == 0)
  }
}
