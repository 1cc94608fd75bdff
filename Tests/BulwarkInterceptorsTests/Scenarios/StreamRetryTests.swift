import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import BulwarkTestKit
import BulwarkTransport
import NIOCore
import Synchronization
import Testing

/// Calls whose client streams, made again: what was written is kept and sent once more (gRFC A6).
struct StreamRetryTests {
  private static let down = RPCError(code: .unavailable, message: "down")

  @Test(arguments: 0..<60 as Range<UInt64>)
  func anUploadArrivesWholeAndInOrderHoweverEarlyItsFirstAttemptsFail(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let count = Int.random(in: 0...200, using: &random)
    let takes = (0..<2).map { _ in Int.random(in: 0...(count + 1), using: &random) }
    let stage = try Stage(attempts: 3) { attempt, requests in
      var seen: [String] = []
      while attempt > takes.count || seen.count < takes[attempt - 1] {
        guard let message = try await requests.next() else { break }
        seen.append(String(buffer: message))
      }
      if attempt <= takes.count { throw Self.down }
      return seen
    }
    try await stage.run { client in
      let response = try await client.clientStreaming(Stage.upload) { writer in
        for number in 0..<count {
          try await writer.write(ByteBuffer(string: "\(number)"))
          if number.isMultiple(of: 17) { await Task.yield() }
        }
      }
      #expect(String(buffer: response.message) == (0..<count).map(String.init).joined(separator: " "))
    }
    #expect(stage.attempts == 3)
  }

  @Test func anUploadThatIsLargerThanWhatIsKeptIsNotMadeAgain() async throws {
    let stage = try Stage(attempts: 3) { _, requests in
      while try await requests.next() != nil {}
      throw Self.down
    }
    try await stage.run { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.clientStreaming(Stage.upload) { writer in
          for _ in 0..<257 { try await writer.write(ByteBuffer(repeating: 1, count: 1024)) }
        }
      }
      #expect(error?.code == .unavailable && error?.message == "down")
    }
    #expect(stage.attempts == 1)
  }

  @Test func whatJustFitsIsSentAgain() async throws {
    let stage = try Stage(attempts: 3) { attempt, requests in
      var count = 0
      while try await requests.next() != nil { count += 1 }
      if attempt == 1 { throw Self.down }
      return ["\(count)"]
    }
    try await stage.run { client in
      let response = try await client.clientStreaming(Stage.upload) { writer in
        for _ in 0..<256 { try await writer.write(ByteBuffer(repeating: 1, count: 1024)) }
      }
      #expect(String(buffer: response.message) == "256")
    }
    #expect(stage.attempts == 2)
  }

  @Test func withoutARetryPolicyAnUploadIsMadeOnce() async throws {
    let stage = try Stage(attempts: nil) { _, _ in throw Self.down }
    try await stage.run { client in
      await #expect(throws: RPCError.self) {
        try await client.clientStreaming(Stage.upload) { try await $0.write(ByteBuffer(string: "a")) }
      }
    }
    #expect(stage.attempts == 1)
  }

  @Test func aConversationBeginsAnewUntilItsFirstAnswerAndNotAfterwards() async throws {
    let stage = try Stage(attempts: 3, chatFailsAfter: [0, 0, 2])
    try await stage.run { client in
      let answers = Mutex([String]())
      let error = await #expect(throws: RPCError.self) {
        try await client.bidirectional(Stage.chat) { writer, responses in
          var iterator = responses.makeAsyncIterator()
          for number in 0..<5 {
            try await writer.write(ByteBuffer(string: "\(number)"))
            guard let answer = try await iterator.next() else { return }
            answers.withLock { $0.append(String(buffer: answer)) }
          }
        }
      }
      #expect(error?.code == .unavailable)
      #expect(answers.withLock { $0 } == ["0", "1"])
    }
    #expect(stage.attempts == 3)
  }
}

/// A server whose streams fail as a test says, and a client that makes them again.
private struct Stage {
  static let upload = RPCMethod<ByteBuffer, ByteBuffer>(
    MethodDescriptor(
      service: "app.Streams",
      method: "Upload",
      kind: .clientStreaming,
      idempotency: .idempotent
    ),
    request: .bytes,
    response: .bytes
  )
  static let chat = RPCMethod<ByteBuffer, ByteBuffer>(
    MethodDescriptor(service: "app.Streams", method: "Chat", kind: .bidirectional, idempotency: .idempotent),
    request: .bytes,
    response: .bytes
  )

  typealias Take = @Sendable (Int, inout RequestStream<ByteBuffer>.AsyncIterator) async throws -> [String]

  private let clock = VirtualClock()
  private let service: StreamService
  private let policies: Policies

  init(attempts: Int?, chatFailsAfter: [Int] = [], take: @escaping Take = { _, _ in [] }) throws {
    self.service = StreamService(chatFailsAfter: chatFailsAfter, take: take)
    self.policies = try Policies(
      code: PolicySet { attempts.map { Calls.all.retry(attempts: $0) } ?? Calls.all.waitForReady() },
      manager: ResilienceManager(
        clock: self.clock.policyClock,
        random: RandomSource(SeededGenerator(seed: 7))
      )
    )
  }

  var attempts: Int { self.service.attempts.withLock { $0 } }

  func run(_ body: (InterceptedInvoker) async throws -> Void) async throws {
    let server = Server(listening: .tcp(host: "127.0.0.1", port: 0)) { self.service }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await server.run() }
      let client = Client(to: try await server.listeningEndpoint)
      let isDone = Done()
      tasks.addTask {
        // Whatever the policies sleep for is over at once.
        while !isDone.flag.load(ordering: .acquiring) {
          if let next = self.clock.nextWakeUp { self.clock.advance(to: next) }
          await Task.yield()
        }
      }
      let result: Result<Void, any Error>
      do {
        result = .success(try await body(client.protected(by: self.policies)))
      } catch {
        result = .failure(error)
      }
      isDone.flag.store(true, ordering: .releasing)
      await client.close()
      server.beginGracefulShutdown()
      try await tasks.waitForAll()
      try result.get()
    }
  }
}

private final class Done: Sendable {
  let flag = Atomic(false)
}

private final class StreamService: RPCService {
  let attempts = Mutex(0)
  private let chatFailsAfter: [Int]
  private let take: Stage.Take

  init(chatFailsAfter: [Int], take: @escaping Stage.Take) {
    self.chatFailsAfter = chatFailsAfter
    self.take = take
  }

  private func begin() -> Int {
    self.attempts.withLock { count in
      count += 1
      return count
    }
  }

  func register(in registry: inout ServiceRegistry) {
    registry.clientStreaming(Stage.upload) { requests, _ in
      var iterator = requests.makeAsyncIterator()
      let seen = try await self.take(self.begin(), &iterator)
      return ByteBuffer(string: seen.joined(separator: " "))
    }
    registry.bidirectional(Stage.chat) { requests, responses, _ in
      let attempt = self.begin()
      var answered = 0
      for try await request in requests {
        if answered == self.chatFailsAfter[attempt - 1] {
          throw RPCError(code: .unavailable, message: "down")
        }
        try await responses.write(request)
        answered += 1
      }
    }
  }
}
