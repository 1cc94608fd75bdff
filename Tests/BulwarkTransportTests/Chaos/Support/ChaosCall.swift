import BulwarkCore
import BulwarkTestKit
import NIOCore

@testable import BulwarkTransport

/// A call through a `ChaosProxy`, and what may become of it.
struct ChaosCall: Sendable {
  var kind: CallKind
  var message: ByteBuffer
  var timeout: Duration
  /// When its caller gives up; nil if it does not.
  var cancelledAfter: Duration?

  /// How much later than its deadline a call may be seen to end, on a machine that is busy with other tests.
  static let grace = Duration.seconds(2)

  static func random(using generator: inout SeededGenerator) -> ChaosCall {
    let size = Int.random(in: 0..<1 << Int.random(in: 0...16, using: &generator), using: &generator)
    let cancels = generator.oneIn(8)
    return ChaosCall(
      kind: [.unary, .clientStreaming, .serverStreaming, .bidirectional].randomElement(using: &generator)
        ?? .unary,
      message: ByteBuffer(repeating: .random(in: 0...255, using: &generator), count: size),
      timeout: .milliseconds(.random(in: 10...120, using: &generator)),
      cancelledAfter: cancels ? .milliseconds(.random(in: 0...40, using: &generator)) : nil
    )
  }

  /// Makes the call.
  ///
  /// - Returns: how it ended.
  /// - Throws: ``Wrong`` if it ended as no call may.
  func run(_ client: Client) async throws -> StatusCode {
    let started = ContinuousClock.now
    let call = Task { try await self.perform(client) }
    let giveUp = self.cancelledAfter.map { delay in
      Task {
        try await Task.sleep(for: delay)
        call.cancel()
      }
    }
    let result = await call.result
    let elapsed = started.duration(to: .now)
    giveUp?.cancel()
    return try self.judge(result, elapsed)
  }

  private func judge(_ result: Result<Void, any Error>, _ elapsed: Duration) throws -> StatusCode {
    guard elapsed < self.timeout + Self.grace else { throw Wrong("a \(self) took \(elapsed)") }
    do {
      try result.get()
      return .ok
    } catch let error as RPCError {
      switch error.code {
      case .unavailable where error.origin == .transport: break
      case .deadlineExceeded where elapsed >= self.timeout: break
      case .cancelled where self.cancelledAfter != nil: break
      default: throw Wrong("a \(self) ended after \(elapsed) with \(error) of \(error.origin)")
      }
      return error.code
    }
  }

  private func perform(_ client: Client) async throws {
    let options = CallOptions(timeout: self.timeout)
    switch self.kind {
    case .unary:
      let response = try await client.unary(ByteService.unary, self.message, options: options)
      try self.check([response.message], count: 1)
    case .clientStreaming:
      let response = try await client.clientStreaming(ByteService.clientStream, options: options) {
        requests in
        for _ in 0..<3 { try await requests.write(self.message) }
      }
      try self.check([response.message], count: 1, repeated: 3)
    case .serverStreaming:
      var answers: [ByteBuffer] = []
      for try await answer in client.serverStreaming(ByteService.serverStream, self.message, options: options)
      {
        answers.append(answer)
      }
      try self.check(answers, count: 3)
    case .bidirectional:
      let answers = try await client.bidirectional(ByteService.bidi, options: options) {
        requests,
        responses in
        var answers: [ByteBuffer] = []
        var iterator = responses.makeAsyncIterator()
        for _ in 0..<3 {
          try await requests.write(self.message)
          if let answer = try await iterator.next() { answers.append(answer) }
        }
        requests.finish()
        while let answer = try await iterator.next() { answers.append(answer) }
        return answers
      }
      try self.check(answers, count: 3)
    }
  }

  private func check(_ answers: [ByteBuffer], count: Int, repeated: Int = 1) throws {
    var expected = ByteBuffer()
    for _ in 0..<repeated { expected.writeImmutableBuffer(self.message) }
    guard answers.count == count, answers.allSatisfy({ $0 == expected }) else {
      throw Wrong("a \(self) was answered with \(answers.map(\.readableBytes)) bytes")
    }
  }

  /// Why a call has not done what every call does.
  struct Wrong: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
      self.description = description
    }
  }
}

extension ChaosCall: CustomStringConvertible {
  var description: String {
    let end = self.cancelledAfter.map { ", cancelled after \($0)" } ?? ""
    return "\(self.kind) call of \(self.message.readableBytes) bytes within \(self.timeout)\(end)"
  }
}
