import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// How `grpc-status-details-bin` travels: beside the status, and never in its way.
@Suite(.tags(.wirePoint)) struct ErrorDetailsTests {
  private static let name = "grpc-status-details-bin"

  /// An error with so many bytes of details and one pair of other metadata.
  private func error(detailBytes count: Int) -> RPCError {
    var error = RPCError(code: .aborted, message: "m", metadata: ["x-other": "1"])
    error.metadata.add(binary: [UInt8](repeating: 7, count: count), for: Self.name)
    return error
  }

  /// What a client sees of a unary call that fails with the error.
  private func answer(_ error: RPCError, maxMetadataBytes: Int) throws -> StreamLog.Block {
    var limits = WireLimits()
    limits.maxMetadataBytes = maxMetadataBytes
    let client = EngineClient(limits: limits)
    let stream = try client.request(Sample.unary.path)
    client.server.fail(stream, error)
    client.exchange()
    return try #require(try client.seen(stream).blocks.last)
  }

  @Test func detailsThatFitGoWithTheStatus() throws {
    let block = try self.answer(self.error(detailBytes: 3), maxMetadataBytes: 1024)
    #expect(block["grpc-status"] == "10")
    #expect(block[Self.name] == "BwcH")
    #expect(block["x-other"] == "1")
  }

  @Test func detailsAreMeasuredAsTheyAreSent() throws {
    let whole = try self.answer(self.error(detailBytes: 3000), maxMetadataBytes: 16_384)
    let size = whole.fields.reduce(0) { $0 + $1.key.utf8.count + ($1.value.first?.utf8.count ?? 0) + 32 }
    #expect(size > 4000)
    let fitting = try self.answer(self.error(detailBytes: 3000), maxMetadataBytes: size)
    #expect(fitting[Self.name] != nil)
    let short = try self.answer(self.error(detailBytes: 3000), maxMetadataBytes: size - 1)
    #expect(short[Self.name] == nil)
    #expect(short["grpc-status"] == "10" && short["grpc-message"] == "m" && short["x-other"] == "1")
  }

  @Test func detailsThatDoNotFitLeaveTheStatusOfAStreamAsItIs() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.download.path)
    #expect(client.server.sendMessage(stream, Sample.text("x")) == nil)
    client.server.fail(stream, self.error(detailBytes: 50_000))
    client.exchange()
    let trailers = try #require(try client.seen(stream).trailers)
    #expect(trailers.fields == ["grpc-status": ["10"], "grpc-message": ["m"], "x-other": ["1"]])
  }

  @Test(arguments: ["A", "/w===", "*"])
  func detailsThatAreNoBase64GiveNone(value: String) throws {
    let server = EngineServer()
    let failed = try server.call()
    server.answer(failed, EngineServer.headers + [("grpc-status", "10"), (Self.name, value)])
    #expect(try server.failure(failed).code == .aborted)
    #expect(try server.failure(failed).metadata.isEmpty)
    let answered = try server.call()
    server.answer(
      answered,
      EngineServer.headers + [(Self.name, value)],
      body: [0, 0, 0, 0, 0],
      trailers: [("grpc-status", "0"), (Self.name, value)]
    )
    #expect(server.answers(answered).count == 1)
  }
}
