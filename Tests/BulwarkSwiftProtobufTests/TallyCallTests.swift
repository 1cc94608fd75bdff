import Bulwark
import BulwarkSwiftProtobuf
import Foundation
import SwiftProtobuf
import SwiftProtobufMessages
import Testing

import struct NIOCore.ByteBuffer

/// `Tally` is generated twice: for swift-protobuf's messages in SwiftProtobufMessages, for Bulwark's own in this module.
@Suite("A service with messages of swift-protobuf", .timeLimit(.minutes(1)))
struct TallyCallTests {
  private typealias Theirs = SwiftProtobufMessages.TallyClient
  private typealias Ours = TallyClient

  @Test("is called in each way by its own client", arguments: Transport.allCases)
  func ownClient(transport: Transport) async throws {
    try await transport.serve(CountingTally()) { invoker in
      let tally = Theirs(invoker)
      let ballot = Bulwark_Tally_Ballot.with {
        $0.voter = "ada"
        $0.choice = .yes
        $0.castAt = .init(seconds: 1_700_000_000, nanos: 5)
        $0.shares = 0
        $0.readings = [-1, .max]
        $0.notes = ["why": Data([0, 255])]
        $0.witness = .with { $0.name = "eve" }
      }
      let receipt = try await tally.cast(ballot)
      #expect(
        receipt
          == .with {
            $0.number = 1; $0.ballot = ballot
          }
      )

      let collected = try await tally.castAll { ballots in
        try await ballots.write(.with { $0.voter = "b" })
        try await ballots.write(
          .with {
            $0.voter = "c"; $0.choice = .no
          }
        )
      }
      #expect(collected.number == 3 && collected.ballot.voter == "c")

      let numbers = try await tally.confirm { ballots, receipts in
        try await ballots.write(.with { $0.voter = "d" })
        ballots.finish()
        return try await receipts.map(\.number).reduce(into: []) { $0.append($1) }
      }
      #expect(numbers == [4])

      let standings = try await tally.watch(.with { $0.count = 2 }).reduce(into: []) { $0.append($1.ballots) }
      #expect(standings == [[0: 2, 1: 1, 2: 1], [0: 2, 1: 1, 2: 1]])

      #expect(try await tally.reset(Google_Protobuf_Empty()) == Google_Protobuf_Empty())
      #expect(try await tally.cast(ballot).number == 1)
    }
  }

  @Test("is called in each way by a client with messages of ours", arguments: Transport.allCases)
  func otherClient(transport: Transport) async throws {
    try await transport.serve(CountingTally()) { invoker in
      let tally = Ours(invoker)
      let ballot = Ballot.with {
        $0.voter = "ada"
        $0.choice = .yes
        $0.castAt = .with { $0.seconds = 1_700_000_000 }
        $0.proof = .signature([0, 255])
      }
      #expect(
        try await tally.cast(ballot)
          == .with {
            $0.number = 1; $0.ballot = ballot
          }
      )
      #expect(try await tally.castAll { try await $0.write(ballot) }.number == 2)
      let numbers = try await tally.confirm { ballots, receipts in
        try await ballots.write(ballot)
        ballots.finish()
        return try await receipts.map(\.number).reduce(into: []) { $0.append($1) }
      }
      #expect(numbers == [3])
      let standings = try await tally.watch(.with { $0.count = 1 }).reduce(into: []) { $0.append($1.ballots) }
      #expect(standings == [[1: 3]])
    }
  }

  @Test("moves method by method: the handler of one has messages of ours", arguments: Transport.allCases)
  func movedMethod(transport: Transport) async throws {
    try await transport.serve(CountingTally(), MovedCast()) { invoker in
      let cast = try await Theirs(invoker).cast(.with { $0.voter = "ada" })
      #expect(
        cast
          == .with {
            $0.number = 77; $0.ballot.voter = "ada"
          }
      )
      #expect(try await Ours(invoker).cast(.with { $0.voter = "ada" }).number == 77)
      let collected = try await Theirs(invoker).castAll { try await $0.write(.with { $0.voter = "b" }) }
      #expect(collected.number == 1)
    }
  }

  @Test(
    "stands beside one with messages of ours, and a method may have one of each",
    arguments: Transport.allCases
  )
  func mixture(transport: Transport) async throws {
    try await transport.serve(CountingTally(), MixedService()) { invoker in
      let ballot = Bulwark_Tally_Ballot.with { $0.voter = "ada" }
      #expect(try await Theirs(invoker).cast(ballot).number == 1)
      let receipt = try await invoker.unary(MixedService.seal, ballot).message
      #expect(receipt == .with { $0.ballot = .with { $0.voter = "ada" } })
    }
  }

  @Test("ends with what its handler throws", arguments: Transport.allCases)
  func failure(transport: Transport) async throws {
    try await transport.serve(CountingTally()) { invoker in
      let error = await #expect(throws: RPCError.self) { try await Theirs(invoker).cast(.init()) }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message == "the ballot has no voter")
    }
  }

  @Test("answers INTERNAL to bytes that are no message, and goes on", arguments: Transport.allCases)
  func noMessage(transport: Transport) async throws {
    try await transport.serve(CountingTally()) { invoker in
      let raw = RPCMethod<ByteBuffer, ByteBuffer>(
        TallyMethods.cast.descriptor,
        request: .bytes,
        response: .bytes
      )
      let error = await #expect(throws: RPCError.self) {
        try await invoker.unary(raw, ByteBuffer(bytes: [0x0a, 0x05]))
      }
      #expect(error?.code == .internalError)
      #expect(error?.message == "cannot decode bulwark.tally.Ballot: the bytes end inside a field")
      let receipt = try await Theirs(invoker).cast(.with { $0.voter = "ada" })
      #expect(receipt.number == 1)
    }
  }

  @Test("is kept to the largest message of its server", arguments: Transport.allCases)
  func limit(transport: Transport) async throws {
    try await transport.serve(CountingTally()) { invoker in
      let voter = String(repeating: "v", count: 5 << 20)
      let error = await #expect(throws: RPCError.self) {
        try await Theirs(invoker).cast(.with { $0.voter = voter })
      }
      #expect(error?.code == .resourceExhausted)
    }
  }

  @Test("has the policies of its file")
  func policies() throws {
    let policies = try Policies(declared: [SwiftProtobufMessages.TallyMethods.policies])
    let policy = policies.effectivePolicy(of: SwiftProtobufMessages.TallyMethods.cast.descriptor).policy
    #expect(policy.timeout == .seconds(30))
    #expect(policy.bulkhead?.maximumConcurrent == 64)
  }

  @Test("is described, with all that its file imports")
  func description() throws {
    var registry = ServiceRegistry()
    CountingTally().register(in: &registry)
    let file = try #require(registry.files["bulwark.tally.Tally"])
    let proto = try Google_Protobuf_FileDescriptorProto(serializedBytes: file.serializedDescriptor)
    #expect(proto.service.map(\.name) == ["Tally"])
    #expect(proto.dependency == file.imports.map(\.name))
    #expect(file.imports.map(\.name).contains("google/protobuf/timestamp.proto"))
  }
}

/// The handler of one method, moved to messages of ours. It stands behind the service and takes the method over.
private struct MovedCast: RPCService {
  func register(in registry: inout ServiceRegistry) {
    registry.unary(TallyMethods.cast) { ballot, _ in
      Receipt.with {
        $0.number = 77
        $0.ballot = ballot
      }
    }
  }
}

/// A method of no .proto file: its request is swift-protobuf's, its response ours.
private struct MixedService: RPCService {
  static let seal = RPCMethod<Bulwark_Tally_Ballot, Receipt>(
    MethodDescriptor(service: "test.Mixed", method: "Seal", kind: .unary),
    request: .swiftProtobuf,
    response: .protobuf
  )

  func register(in registry: inout ServiceRegistry) {
    registry.unary(Self.seal) { ballot, _ in
      .with { $0.ballot = .with { $0.voter = ballot.voter } }
    }
  }
}
