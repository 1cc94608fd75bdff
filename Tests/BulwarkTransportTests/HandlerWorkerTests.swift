import BulwarkCore
import NIOCore
import NIOPosix
import Testing

@testable import BulwarkTransport

/// Unary handlers share tasks, and notice nothing of it.
@Suite(.timeLimit(.minutes(1))) struct HandlerWorkerTests {
  /// Says whether it runs in a cancelled task, before and after it has waited.
  private static let tellsOfCancellation = ByteService(unary: { message, _ in
    let before = Task.isCancelled
    await Task.yield()
    return ByteBuffer(string: "\(before) \(Task.isCancelled)")
  })

  @Test func noHandlerIsCancelledForTheOneBeforeIt() async throws {
    let handler = HeldHandler()
    let service = ByteService(unary: { message, context in
      if message == .hold { try await handler.run() }
      return try await Self.tellsOfCancellation.unary(message, context)
    })
    try await withConnection(to: service) { client in
      let call = Task { try await client.echo("hold") }
      try await handler.hasStarted()
      call.cancel()
      let end = try await handler.end
      #expect(end == .cancelled)
      for _ in 0..<20 {
        let answer = try await client.echo("")
        #expect(answer == "false false")
      }
    }
  }

  @Test func aHandlerThatWaitsHoldsNoOtherUp() async throws {
    let handler = HeldHandler()
    try await withConnection(to: handler.service) { client in
      try await withThrowingTaskGroup(of: String.self) { held in
        for _ in 0..<50 {
          held.addTask { try await client.echo("hold") }
        }
        try await handler.hasStarted()
        for number in 0..<50 {
          let answer = try await client.echo("\(number)")
          #expect(answer == "\(number)")
        }
        handler.release()
        let answered = try await held.reduce(into: 0) { count, _ in count += 1 }
        #expect(answered == 50)
      }
      let answer = try await client.echo("again")
      #expect(answer == "again")
    }
  }

  @Test func aHandlersContextIsItsOwn() async throws {
    let service = ByteService(unary: { _, context in
      await Task.yield()
      return ByteBuffer(string: "\(CallContext.current === context) \(context.metadata["number"] ?? "")")
    })
    try await withConnection(to: service) { client in
      try await withThrowingTaskGroup(of: Void.self) { calls in
        for number in 0..<50 {
          calls.addTask {
            let answer = try await client.echo("", options: CallOptions(metadata: ["number": "\(number)"]))
            #expect(answer == "true \(number)")
          }
        }
        try await calls.waitForAll()
      }
    }
  }

  @Test func aChildTaskOfAHandlerTakesItsTurn() async throws {
    let service = ByteService(unary: { message, _ in
      async let copy = message
      return await copy
    })
    try await withConnection(to: service) { client in
      for number in 0..<20 {
        let answer = try await client.echo("\(number)")
        #expect(answer == "\(number)")
      }
    }
  }

  @Test func aServerThatHasStoppedLeavesNoTaskBehind() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    weak var workers: HandlerWorkers?
    do {
      let server = Server(listening: .anyPort, eventLoopGroup: group) { ByteService() }
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await server.run() }
        let endpoint = try await server.listeningEndpoint
        try await withClient(of: endpoint) { client in
          let answer = try await client.echo("a")
          #expect(answer == "a")
        }
        workers = server.loops[group.next()].workers
        server.beginGracefulShutdown()
        try await tasks.waitForAll()
      }
      // What the server has told its loop to do is done.
      try await group.next().submit {}.get()
    }
    #expect(workers == nil)
    try await group.shutdownGracefully()
  }
}
