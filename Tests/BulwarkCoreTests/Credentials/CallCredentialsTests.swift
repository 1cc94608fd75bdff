import BulwarkTestKit
import NIOCore
import Synchronization
import Testing

@testable import BulwarkCore

@Suite(.timeLimit(.minutes(1))) struct CallCredentialsTests {
  private let clock = VirtualClock()
  private let notes = Notes()

  /// Keeps the metadata that arrives, and answers.
  private struct Server: CallInvoker {
    let notes: Notes

    func unary(_: MethodDescriptor, _ message: ByteBuffer, _ options: CallOptions) async throws(RPCError)
      -> Response<ByteBuffer>
    {
      self.notes.add("sent \(options.metadata["authorization"] ?? "nothing")")
      return Response(message: message)
    }

    func stream(_: MethodDescriptor, _: CallOptions, onlyRequest _: ByteBuffer?) -> any ClientStream {
      FailedClientStream(error: RPCError(code: .unimplemented, message: "no streams"))
    }
  }

  private func call(
    _ credentials: CallCredentials,
    authority: String = "node.test:50051",
    isPrivate: Bool = true,
    deadline: MonotonicInstant? = nil
  ) async throws(RPCError) {
    let interceptor = credentials.interceptor(
      authority: authority,
      isPrivate: isPrivate,
      clock: self.clock.callClock
    )
    let client = InterceptedInvoker(
      Server(notes: self.notes),
      interceptors: [interceptor],
      peer: Peer(address: "server"),
      time: self.clock.timeSource
    )
    var options = CallOptions()
    options.deadline = deadline
    _ = try await client.unary(TextMethod.method(.unary).descriptor, ByteBuffer(), options)
  }

  private func failure(_ credentials: CallCredentials, isPrivate: Bool = true) async -> RPCError? {
    do throws(RPCError) {
      try await self.call(credentials, isPrivate: isPrivate)
      return nil
    } catch {
      return error
    }
  }

  @Test func theMetadataGoesWithTheCallAndTheProviderLearnsWhatItIsFor() async throws {
    let credentials = CallCredentials { [notes] scope in
      notes.add(scope.serviceURL)
      return ["authorization": "Bearer one"]
    }
    try await self.call(credentials)
    try await self.call(credentials, authority: "node.test:443")
    let service = TextMethod.method(.unary).descriptor.service
    #expect(
      self.notes.all == [
        "https://node.test:50051/\(service)", "sent Bearer one", "https://node.test/\(service)",
        "sent Bearer one",
      ]
    )
  }

  @Test func nothingIsSentOrAskedForInPlaintextUnlessThatIsAllowed() async throws {
    let refusing = CallCredentials { [notes] _ in
      notes.add("asked")
      return [:]
    }
    let error = await self.failure(refusing, isPrivate: false)
    #expect(error?.code == .unauthenticated)
    #expect(error?.message.contains("plaintext") == true)
    #expect(self.notes.all.isEmpty)
    let allowing = CallCredentials(allowsPlaintext: true) { _ in ["authorization": "open"] }
    try await self.call(allowing, isPrivate: false)
    #expect(self.notes.all == ["sent open"])
  }

  @Test func aProvidersErrorIsTheCallsWithinWhatAServerLeavesIt() async {
    struct Unreachable: Error {}
    let codes: [(any Error, StatusCode)] = [
      (Unreachable(), .unavailable),
      (RPCError(code: .unauthenticated, message: "no"), .unauthenticated),
      (RPCError(code: .permissionDenied, message: "no"), .permissionDenied),
      (RPCError(code: .invalidArgument, message: "no"), .internalError),
      (RPCError(code: .dataLoss, message: "no"), .internalError),
    ]
    for (thrown, code) in codes {
      let error = await self.failure(CallCredentials { _ in throw thrown })
      #expect(error?.code == code, "\(thrown)")
    }
    #expect(self.notes.all.isEmpty)
  }

  @Test func aProviderIsNotWaitedForBeyondTheDeadline() async throws {
    let never = Promise<Metadata>()
    let credentials = CallCredentials { _ in try await never.value() }
    let deadline = self.clock.now.advanced(by: .seconds(5))
    let call = Task { try await self.call(credentials, deadline: deadline) }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(5))
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .deadlineExceeded)
  }

  @Test func aCancelledCallLeavesItsProvider() async throws {
    let asked = Promise<Void>()
    let never = Promise<Metadata>()
    let credentials = CallCredentials.cached { _ in
      asked.complete(.success(()))
      return .init(try await never.value(), validFor: .seconds(1))
    }
    let call = Task { try await self.call(credentials) }
    try await asked.value()
    call.cancel()
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .cancelled)
    never.complete(.success([:]))
  }

  // MARK: - Cached

  private func counting(
    _ count: Counter,
    _ answer: @escaping @Sendable (Int) async throws -> CallCredentials.Expiring
  ) -> CallCredentials {
    .cached(clock: self.clock.callClock) { _ in try await answer(count.next()) }
  }

  private final class Counter: Sendable {
    private let value = Mutex(0)
    func next() -> Int {
      self.value.withLock {
        $0 += 1
        return $0
      }
    }
  }

  @Test func manyCallsAskOnceAndUseItUntilItRunsOut() async throws {
    let credentials = self.counting(Counter()) { number in
      .init(["authorization": "\(number)"], validFor: .seconds(600))
    }
    try await withThrowingTaskGroup(of: Void.self) { calls in
      for _ in 0..<20 {
        calls.addTask { try await self.call(credentials) }
      }
      try await calls.waitForAll()
    }
    #expect(self.notes.all == [String](repeating: "sent 1", count: 20))
    self.clock.advance(by: .seconds(600))
    try await self.call(credentials)
    #expect(self.notes.all.last == "sent 2")
  }

  @Test func newOnesAreAskedForAheadOfTimeAndNobodyWaitsForThem() async throws {
    let second = Promise<Metadata>()
    let asked = Promise<Void>()
    let credentials = self.counting(Counter()) { number in
      guard number > 1 else { return .init(["authorization": "1"], validFor: .seconds(600)) }
      asked.complete(.success(()))
      return .init(try await second.value(), validFor: .seconds(600))
    }
    try await self.call(credentials)
    self.clock.advance(by: .seconds(550))
    try await self.call(credentials)
    try await asked.value()
    try await self.call(credentials)
    #expect(self.notes.all == ["sent 1", "sent 1", "sent 1"])
    second.complete(.success(["authorization": "2"]))
    self.clock.advance(by: .seconds(50))
    try await self.call(credentials)
    #expect(self.notes.all.last == "sent 2")
  }

  @Test func whatFailsIsNotKept() async throws {
    let credentials = self.counting(Counter()) { number in
      guard number > 1 else { throw RPCError(code: .unavailable, message: "try again") }
      return .init(["authorization": "2"], validFor: .seconds(600))
    }
    #expect(await self.failure(credentials)?.code == .unavailable)
    try await self.call(credentials)
    #expect(self.notes.all == ["sent 2"])
  }
}
