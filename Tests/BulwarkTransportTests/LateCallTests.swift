import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import NIOEmbedded
import Testing

@testable import BulwarkTransport

/// Deadlines in the states of a call that no handler sees.
@Suite(.timeLimit(.minutes(1))) struct LateCallTests {
  private static let soon = CallOptions(timeout: .milliseconds(50))

  @Test func aCallThatWaitsForTheServersSettingsMeetsItsDeadline() async throws {
    let server = try await SilentServer()
    try await withClient(of: server.endpoint) { client in
      let error = await #expect(throws: RPCError.self) { try await client.echo("anyone", options: Self.soon) }
      #expect(error?.code == .deadlineExceeded)
    }
    try await server.close()
  }

  @Test func aCallWhoseRequestTheServerDoesNotTakeMeetsItsDeadline() async throws {
    // The server lets nobody send a byte.
    let server = try await RawServer { frame, _ in
      frame.kind == .settings && frame.flags.isEmpty ? [.settings([(4, 0)])] : []
    }
    try await withClient(of: server.endpoint) { client async throws in
      let stream = client.stream(ByteService.bidi.descriptor, Self.soon, onlyRequest: nil)
      let error = await #expect(throws: RPCError.self) {
        while true { try await stream.write(ByteBuffer(repeating: 1, count: 100_000)) }
      }
      #expect(error?.code == .deadlineExceeded)
    }
    try await server.close()
  }

  @Test func aCallWhoseRequestsHaveEndedMeetsItsDeadline() async throws {
    let server = try await RawServer { _, _ in [] }
    try await withClient(of: server.endpoint) { client async throws in
      let stream = client.stream(ByteService.bidi.descriptor, Self.soon, onlyRequest: nil)
      stream.finishRequests()
      let error = await #expect(throws: RPCError.self) { try await stream.next() }
      #expect(error?.code == .deadlineExceeded)
    }
    try await server.close()
  }

  @Test(arguments: [StatusCode.unavailable, .cancelled, .internalError, .resourceExhausted])
  func whateverFailsACallAfterItsDeadlineItIsTheDeadlineThatWasExceeded(code: StatusCode) {
    let call = EmbeddedCall(deadline: .now().advanced(by: .nanoseconds(-1)))
    call.core.callEnded(
      call.call,
      ClientFailure(error: RPCError(code: code, message: "late"), isUnprocessed: false)
    )
    #expect(call.receiver.errors == [.deadlineExceeded])
  }

  @Test func aCallThatNobodyProcessedIsNotSentAgainAfterItsDeadline() {
    let call = EmbeddedCall(deadline: .now().advanced(by: .nanoseconds(-1)))
    let refused = RPCError(code: .unavailable, message: "refused")
    call.core.callEnded(call.call, ClientFailure(error: refused, isUnprocessed: true))
    #expect(call.receiver.errors == [.deadlineExceeded])
  }

  @Test func aFailureBeforeTheDeadlineIsWhatItIs() {
    let call = EmbeddedCall(deadline: .now().advanced(by: .seconds(3600)))
    let lost = RPCError(code: .unavailable, message: "lost")
    call.core.callEnded(call.call, ClientFailure(error: lost, isUnprocessed: false))
    #expect(call.receiver.errors == [lost])
  }
}

/// A call of a client whose loop stands still.
private struct EmbeddedCall {
  let core: ClientCore
  let call: ClientCall
  let receiver = RecordingReceiver()

  init(deadline: MonotonicInstant) {
    let eventLoop = EmbeddedEventLoop()
    let configuration = ClientConfiguration()
    let endpoints = EndpointSet(
      resolver: FixedEndpoints(endpoints: []),
      configuration: configuration,
      server: KnownPeer(Peer(address: "nowhere")),
      watch: ConnectivityWatch(),
      on: eventLoop
    )
    self.core = ClientCore(endpoints: endpoints, configuration: configuration, eventLoop: eventLoop)
    self.call = ClientCall(
      request: ClientRequest(method: ByteService.unary.descriptor, deadline: deadline),
      onlyMessage: .hold,
      waitForReady: false,
      receiver: self.receiver
    )
  }
}

/// `@unchecked Sendable`: used on the test's thread alone.
private final class RecordingReceiver: ClientCallReceiver, @unchecked Sendable {
  var errors: [RPCError] = []

  func failed(_ error: RPCError) { self.errors.append(error) }
  func answered(_ response: Response<ByteBuffer>) {}
  func received(metadata: Metadata, encoding: CompressionAlgorithm) {}
  func received(bytes: ByteBuffer) {}
  func finished(trailing: Metadata) {}
  func rewind() -> Bool { true }
  func opened(_ counters: ConnectionCounters?) {}
  func writable(isBackedUp: Bool) {}
}
