import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// What a request must be like.
@Suite(.tags(.wirePoint)) struct RequestTests {
  // Point 6.
  @Test(arguments: [Sample.unary, Sample.download])
  func theEndOfTheRequestsStandsOnTheLastDataFrame(method: MethodDescriptor) throws {
    let server = EngineServer()
    let stream = try server.call(method, message: Sample.bytes(40_000))
    let frames = server.frames.filter { $0.stream == stream }
    #expect(frames.first?.kind == .headers)
    #expect(frames.dropFirst().allSatisfy { $0.kind == .data && !$0.payload.isEmpty })
    #expect(frames.map { $0.flags.contains(.endStream) } == frames.indices.map { $0 == frames.count - 1 })
  }

  // Point 6.
  @Test func requestsThatEndLaterEndWithAnEmptyDataFrame() throws {
    let server = EngineServer()
    let stream = try server.call(Sample.chat, message: nil)
    try server.client.sendMessage(stream, Sample.text("one"))
    server.exchange()
    server.client.finishRequests(stream)
    server.exchange()
    let last = try #require(server.frames.last { $0.stream == stream })
    #expect(last.kind == .data && last.payload.isEmpty && last.flags.contains(.endStream))
  }

  // Point 8.
  @Test(
    arguments: [
      "application/grpcfoo", "application/grp", "application/json", "text/html", "", "grpc",
      "application/grpc-web",
    ]
  )
  func aRequestOfAnotherMediaTypeIsAnswered415(type: String) throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, [("content-type", type)])
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream)[":status"] == "415")
    #expect(try client.seen(stream).grpcStatus == nil)
  }

  // Point 8.
  @Test(
    arguments: [
      "application/grpc", "application/grpc+proto", "application/grpc+json", "application/grpc;charset=utf-8",
    ]
  )
  func aRequestOfTheMediaTypeIsTaken(type: String) throws {
    let client = EngineClient()
    try client.request(Sample.unary.path, [("content-type", type)])
    #expect(client.started.count == 1)
  }

  // Point 8.
  @Test(arguments: ["GET", "PUT", "HEAD", "post"])
  func aRequestThatIsNoPostIsAnswered405(method: String) throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, [(":method", method)])
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream)[":status"] == "405")
    #expect(try client.seen(stream)["allow"] == "POST")
  }

  // Point 14.
  @Test func anUnknownRequestEncodingIsUnimplementedWithTheListOfKnownOnes() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, [("grpc-encoding", "br")])
    let seen = try client.seen(stream)
    #expect(client.started.isEmpty)
    #expect(seen.grpcStatus == "12")
    #expect(seen["grpc-accept-encoding"] == "identity,gzip,deflate")
  }

  // Point 14.
  @Test(arguments: [("identity", UInt8(1), "13"), (nil, 1, "13"), (nil, 2, "13"), (nil, 255, "13")])
  func aMessageMarkedAsCompressedWithoutAnEncodingFails(encoding: String?, flag: UInt8, status: String) throws
  {
    let client = EngineClient()
    let body = Sample.framed([1], flag: flag)
    let stream = try client.request(Sample.unary.path, [("grpc-encoding", encoding)], body: body)
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream).grpcStatus == status)
  }

  // Point 15.
  @Test func aMessageMayComeInDataFramesOfOneByte() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, body: nil, endStream: false)
    let body = Sample.framed([7, 8, 9])
    for (index, byte) in body.enumerated() {
      client.inject(.data(stream, [byte], flags: index == body.count - 1 ? .endStream : []))
    }
    #expect(client.started.map(\.id) == [stream])
    guard case .startUnary(_, let message)? = client.outputs.first else {
      Issue.record("no unary call was started")
      return
    }
    #expect(Array(message.readableBytesView) == [7, 8, 9])
  }

  // Point 15.
  @Test func aDataFrameMayHoldManyMessages() {
    let pair = LinkedPair(handlers: Sample.echo)
    let messages = (0..<1_000).map { Sample.bytes($0 % 7) }
    let call = pair.start(CallPlan(Sample.chat, sending: messages))
    #expect(pair.run() == .done)
    #expect(pair.calls[call].handler?.requests == messages)
    #expect(pair.calls[call].responses == messages)
    #expect((pair.frameCounts[.toServer] ?? 0) < 40)
  }

  // Point 17.
  @Test(arguments: [[UInt8](), Sample.framed([1]) + Sample.framed([2])])
  func aUnaryCallWithoutExactlyOneMessageIsUnimplemented(body: [UInt8]) throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, body: body)
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream).grpcStatus == "12")
    #expect(client.server.activeCalls == 0)
  }

  // Point 17.
  @Test func aUnaryRequestThatEndsWithItsHeadersIsUnimplemented() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, body: nil)
    #expect(try client.seen(stream).grpcStatus == "12")
    #expect(client.server.activeCalls == 0)
  }

  // Point 17.
  @Test func aUnaryRequestThatEndsInsideItsMessageFails() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, body: [0, 0, 0, 0, 9, 1])
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream).grpcStatus == "13")
  }

  // Point 18.
  @Test(arguments: [(100, "0"), (101, "8")])
  func aRequestUpToTheLimitIsTakenAndOneByteMoreIsNot(size: Int, status: String) throws {
    var limits = WireLimits()
    limits.maxReceiveMessageBytes = 100
    let client = EngineClient(limits: limits)
    let stream = try client.request(
      Sample.unary.path,
      body: Sample.framed([UInt8](repeating: 1, count: size))
    )
    client.server.respond(stream, Sample.text(""))
    client.exchange()
    #expect(try client.seen(stream).grpcStatus == status)
  }

  // Point 18.
  @Test func aRequestThatOnlyClaimsToBeLargeFailsAtOnce() throws {
    let client = EngineClient()
    let stream = try client.request(
      Sample.unary.path,
      body: [0, 0xFF, 0xFF, 0xFF, 0xFF],
      endStream: false
    )
    #expect(try client.seen(stream).grpcStatus == "8")
    #expect(client.server.activeCalls == 0)
  }

  // Point 19.
  @Test(
    arguments: [
      "/test.Echo/unary", "/test.echo/Unary", "/test.Echo/Nothing", "/nobody/Unary", "/test.Echo/Unary?x=1",
      "/%00/%ff",
    ]
  )
  func aPathThatIsNotExactlyAMethodsIsUnimplemented(path: String) throws {
    let client = EngineClient()
    let stream = try client.request(path)
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream).grpcStatus == "12")
  }

  // Point 19.
  @Test(arguments: ["/test.Echo/Unary/", "//Unary", "/", "/a", "/test.Echo//Unary", "/a/b/c"])
  func aPathThatNoMethodCanHaveIsAnswered404(path: String) throws {
    let client = EngineClient()
    let stream = try client.request(path)
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream)[":status"] == "404")
    #expect(try client.seen(stream).grpcStatus == nil)
  }

  // Point 19.
  @Test func aPathThatHTTPItselfForbidsIsReset() throws {
    let client = EngineClient()
    let stream = try client.request("*")
    #expect(try client.seen(stream).closed == .protocolError)
    #expect(client.started.isEmpty)
  }

  // Point 19.
  @Test func aPathOfAnyBytesIsAnswered() throws {
    let client = EngineClient()
    var generator = SeededGenerator(seed: 19)
    for _ in 0..<50 {
      let path = (0..<Int.random(in: 1...300, using: &generator)).map { _ in
        UInt8.random(in: 0x21...0x7E, using: &generator)
      }
      let stream = try client.request("/" + String(decoding: path, as: UTF8.self))
      let seen = try client.seen(stream)
      #expect(seen.grpcStatus == "12" || seen[":status"] == "404")
    }
  }
}
