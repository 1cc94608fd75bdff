import BulwarkCore
import NIOCore
import NIOPosix
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct CallKindTests {
  @Test(arguments: [Endpoint.anyPort, .newSocket()])
  func allFourKindsAreServedOverEachKindOfSocket(endpoint: Endpoint) async throws {
    try await withServer(ByteService(), at: endpoint) { _, endpoint in
      try await withClient(of: endpoint) { client in
        #expect(try await client.echo("one") == "one")

        let collected = try await client.clientStreaming(ByteService.clientStream) { requests in
          try await requests.write(contentsOf: [ByteBuffer(string: "a"), ByteBuffer(string: "b")])
        }
        #expect(String(buffer: collected.message) == "ab")

        var responses: [String] = []
        for try await response in client.serverStreaming(ByteService.serverStream, ByteBuffer(string: "r")) {
          responses.append(String(buffer: response))
        }
        #expect(responses == ["r", "r", "r"])

        let echoes = try await client.bidirectional(ByteService.bidi) { requests, responses in
          var echoes: [String] = []
          var iterator = responses.makeAsyncIterator()
          for word in ["x", "y"] {
            try await requests.write(ByteBuffer(string: word))
            echoes.append(String(buffer: try #require(try await iterator.next())))
          }
          requests.finish()
          #expect(try await iterator.next() == nil)
          return echoes
        }
        #expect(echoes == ["x", "y"])
      }
    }
  }

  @Test func messagesLargerThanAnyBufferComeThroughWhole() async throws {
    var message = ByteBuffer()
    message.writeRepeatingByte(7, count: 4 << 20)
    try await withConnection(to: ByteService()) { client in
      let response = try await client.unary(ByteService.unary, message)
      #expect(response.message == message)
    }
  }

  @Test func metadataGoesBothWays() async throws {
    let service = ByteService(unary: { message, context in
      context.addInitialMetadata(context.metadata["x-question"] ?? "none", for: "x-answer")
      context.addTrailingMetadata(binary: [0, 255], for: "x-end-bin")
      return message
    })
    try await withConnection(to: service) { client in
      let response = try await client.unary(
        ByteService.unary,
        ByteBuffer(),
        options: CallOptions(metadata: ["x-question": "why"])
      )
      #expect(response.metadata["x-answer"] == "why")
      #expect(response.trailingMetadata[binary: "x-end-bin"] == [0, 255])
    }
  }

  @Test func theErrorOfAHandlerArrivesWithCodeMessageAndMetadata() async throws {
    let service = ByteService(unary: { _, _ in
      throw RPCError(code: .notFound, message: "no such thing", metadata: ["x-thing": "7"])
    })
    try await withConnection(to: service) { client in
      let error = await #expect(throws: RPCError.self) { try await client.echo("thing") }
      #expect(error?.code == .notFound)
      #expect(error?.message == "no such thing")
      #expect(error?.metadata["x-thing"] == "7")
      #expect(error?.origin == .remote)
    }
  }

  @Test func aForeignErrorOfAHandlerTellsTheClientNothing() async throws {
    struct Secret: Error {}
    let service = ByteService(bidi: { _, _, _ in throw Secret() })
    try await withConnection(to: service) { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.bidirectional(ByteService.bidi) { _, responses in
          for try await _ in responses {}
        }
      }
      #expect(error?.code == .unknown)
      #expect(error?.message.contains("Secret") == false)
    }
  }

  @Test func aMethodThatIsNotServedIsUnimplemented() async throws {
    try await withConnection(to: ByteService()) { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.unary(RPCMethod.bytes("Nothing", .unary), ByteBuffer())
      }
      #expect(error?.code == .unimplemented)
    }
  }

  @Test func handlersRunOnALoopUnlessTheyAreDeclaredToRunOffIt() async throws {
    let service = ByteService(unary: { _, _ in
      ByteBuffer(string: MultiThreadedEventLoopGroup.currentEventLoop == nil ? "off" : "on")
    })
    let here = try await withConnection(to: service) { try await $0.echo("where") }
    #expect(here == "on")
    let there = try await withConnection(to: service.offLoop(ByteService.unary.descriptor)) {
      try await $0.echo("where")
    }
    #expect(there == "off")
  }

  @Test func aCallerThatPrefersTheClientsLoopStaysOnIt() async throws {
    try await withConnection(to: ByteService()) { client in
      let task = Task(executorPreference: client.executor) {
        _ = try await client.echo("there")
        return MultiThreadedEventLoopGroup.currentEventLoop != nil
      }
      let wasOnLoop = try await task.value
      #expect(wasOnLoop)
    }
  }
}
