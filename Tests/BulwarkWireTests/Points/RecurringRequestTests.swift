import BulwarkCore
import BulwarkTestKit
import Testing

@testable import BulwarkWire

/// Whatever requests have come before, a request is read for what it says.
@Suite(.tags(.wirePoint)) struct RecurringRequestTests {
  /// What a server makes of a request: the call that it starts, or its answer.
  private struct Reading: Equatable {
    var method: String?
    var metadata: Metadata?
    var time: Duration?
    var httpStatus: String?
    var grpcStatus: String?
    var grpcMessage: String?
  }

  private typealias Request = (path: String, changes: [(String, String?)])

  private func reading(of request: Request, by client: EngineClient) throws -> Reading {
    let before = client.started.count
    let stream = try client.request(request.path, request.changes)
    guard client.started.count == before else {
      let context = try #require(client.started.last).context
      return Reading(
        method: context.method.path,
        metadata: context.metadata,
        time: context.deadline.map { client.clock.now.duration(to: $0) }
      )
    }
    let seen = try client.seen(stream)
    return Reading(
      httpStatus: seen[":status"],
      grpcStatus: seen.grpcStatus,
      grpcMessage: seen.grpcMessage
    )
  }

  private func request(_ random: inout SeededGenerator) -> Request {
    func one<Value>(_ values: [Value]) -> Value { values[Int.random(in: values.indices, using: &random)] }
    let isOdd = Int.random(in: 0..<4, using: &random) == 0
    return (
      one([
        Sample.unary.path, Sample.unary.path, Sample.download.path, isOdd ? "/no/method" : Sample.unary.path,
      ]),
      [
        ("grpc-timeout", one([nil, "1S", "2S", "10m", isOdd ? "1x" : "1S"])),
        ("a", one(["1", "1", "2", "11", nil])),
        ("content-type", isOdd ? one(["application/grpc", "text/html"]) : "application/grpc"),
        ("grpc-encoding", isOdd ? one([nil, "gzip", "br"]) : nil),
        ("b-bin", one([nil, "AQI", isOdd ? "!" : "AQI"])),
      ]
    )
  }

  @Test(arguments: 0..<60)
  func aRequestIsReadAsIfNoneHadComeBefore(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let client = EngineClient()
    for _ in 0..<40 {
      let request = self.request(&random)
      let alone = try self.reading(of: request, by: EngineClient())
      #expect(try self.reading(of: request, by: client) == alone, "\(request)")
    }
  }

  @Test func eachOfTheSameRequestsHasItsOwnTime() throws {
    let client = EngineClient()
    for (timeout, time) in [
      ("1S", Duration.seconds(1)), ("250m", .milliseconds(250)), ("250m", .milliseconds(250)),
    ] {
      let reading = try self.reading(of: (Sample.unary.path, [("grpc-timeout", timeout)]), by: client)
      #expect(reading.time == time)
    }
    let malformed = try self.reading(of: (Sample.unary.path, [("grpc-timeout", "250")]), by: client)
    #expect(malformed.grpcStatus == "13")
  }

  @Test func connectionsShareWhatOnePeerSaysAndNoOtherPeerIsComparedWithIt() throws {
    let recurring = RecurringRequest()
    let (alice, bob) = (Peer(address: "ipv4:10.0.0.1:5000"), Peer(address: "ipv4:10.0.0.2:5000"))
    let secret: Request = (Sample.unary.path, [("token", "alice's")])
    let read = try self.reading(of: secret, by: EngineClient(peer: alice, recurring: recurring))
    #expect(recurring.metadata(for: Peer(address: "ipv4:10.0.0.1:5001")) == read.metadata)
    #expect(recurring.metadata(for: bob).isEmpty)
    let other: Request = (Sample.unary.path, [])
    #expect(
      try self.reading(of: other, by: EngineClient(peer: bob, recurring: recurring)).metadata?.isEmpty == true
    )
    #expect(recurring.metadata(for: alice).isEmpty)
  }
}
