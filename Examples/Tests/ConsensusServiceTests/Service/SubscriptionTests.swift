import Bulwark
import BulwarkProtobuf
import NIOCore
import Testing

@testable import ConsensusService

@Suite struct SubscriptionTests {
  private func events(_ count: Int, of stream: ResponseStream<ConsensusEvent>) async throws -> [ConsensusEvent
    .Event?]
  {
    var iterator = stream.makeAsyncIterator()
    var events: [ConsensusEvent.Event?] = []
    while events.count < count, let event = try await iterator.next() {
      events.append(event.event)
    }
    return events
  }

  @Test("a subscriber gets what it asked for, in order")
  func filters() async throws {
    let fixture = NodeFixture()
    let prevotes = fixture.client.subscribeEvents(.with { $0.voteTypes = [.prevote] })
    let blocks = fixture.client.subscribeEvents(.with { $0.includeBlocks = true })
    let prevote = fixture.vote(.prevote, by: 0, for: hash(1))
    _ = try await fixture.submit(prevote)
    let first = try await fixture.decide().id
    let second = try await fixture.decide().id
    let later = fixture.vote(.prevote, by: 1, for: hash(1), height: 3)
    _ = try await fixture.submit(later)
    #expect(try await self.events(2, of: prevotes) == [.vote(prevote), .vote(later)])
    #expect(try await self.events(2, of: blocks) == [.newBlock(first), .newBlock(second)])
  }

  @Test("evidence and ends of rounds go to everybody")
  func unfiltered() async throws {
    let fixture = NodeFixture()
    let events = fixture.client.subscribeEvents(SubscribeEventsRequest())
    let first = fixture.vote(.prevote, by: 0, for: hash(1))
    let second = fixture.vote(.prevote, by: 0, for: [])
    _ = try await fixture.submit(first)
    await #expect(throws: RPCError.self) { try await fixture.submit(second) }
    for index in 0..<3 as Range<UInt32> {
      _ = try await fixture.submit(fixture.vote(.precommit, by: index, for: []))
    }
    let timeout = ConsensusEvent.RoundTimeout.with { $0.step = "precommit" }
    #expect(
      try await self.events(2, of: events) == [.evidence(.duplicateVote(first, second)), .timeout(timeout)]
    )
  }

  @Test("a subscriber that does not read is dropped with RESOURCE_EXHAUSTED, and the node goes on")
  func slowSubscriber() async throws {
    var limits = NodeLimits()
    limits.eventBuffer = 2
    let fixture = NodeFixture(limits: limits, window: 0)
    let events = fixture.client.subscribeEvents(.with { $0.voteTypes = [.prevote] })
    for round in 0..<5 as Range<UInt32> {
      for index in 0..<2 as Range<UInt32> {
        #expect(
          try await fixture.submit(fixture.vote(.prevote, by: index, for: hash(1), round: round)).accepted
        )
      }
    }
    let error = await #expect(throws: RPCError.self) { try await self.events(10, of: events) }
    #expect(error?.code == .resourceExhausted)
    #expect(fixture.node.withState { $0.subscribers.count } == 0)
  }

  @Test(
    "a type of vote that does not exist is INVALID_ARGUMENT",
    arguments: [VoteType.unspecified, .unrecognized(7)]
  )
  func wrongType(type: VoteType) async {
    let fixture = NodeFixture()
    let events = fixture.client.subscribeEvents(.with { $0.voteTypes = [type] })
    let error = await #expect(throws: RPCError.self) { try await self.events(1, of: events) }
    #expect(error?.code == .invalidArgument)
  }

  @Test("there is a last place for subscribers, which is free again when one has left")
  func places() async throws {
    var limits = NodeLimits()
    limits.maxSubscribers = 1
    let fixture = NodeFixture(limits: limits)
    let method = MethodDescriptor(
      service: "consensus.v1.ConsensusService",
      method: "SubscribeEvents",
      kind: .serverStreaming
    )
    for _ in 0..<2 {
      let server = InProcessServer { fixture.node }
      let first = InProcessClient(to: server).stream(method, CallOptions(), onlyRequest: ByteBuffer())
      let second = fixture.client.subscribeEvents(SubscribeEventsRequest())
      let refused = await #expect(throws: RPCError.self) { try await self.events(1, of: second) }
      #expect(refused?.code == .resourceExhausted)
      first.cancel()
      let left = await #expect(throws: RPCError.self) { try await first.next() }
      #expect(left?.code == .cancelled)
      await server.shutDown()
      #expect(fixture.node.withState { $0.subscribers.count } == 0)
    }
  }

  @Test("a stopping node ends its subscriptions and takes no new ones, and answers other calls")
  func stop() async throws {
    let fixture = NodeFixture()
    let before = fixture.client.subscribeEvents(SubscribeEventsRequest())
    fixture.node.stopStreams()
    let after = fixture.client.subscribeEvents(SubscribeEventsRequest())
    for stream in [before, after] {
      let error = await #expect(throws: RPCError.self) { try await self.events(1, of: stream) }
      #expect(error?.code == .unavailable)
    }
    #expect(try await fixture.submit(fixture.vote(.prevote, by: 0, for: [])).accepted)
  }
}
