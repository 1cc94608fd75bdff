import BenchEcho
import Bulwark

/// What callers do.
enum CallMix: String, CaseIterable, Sendable {
  case unary
  case clientStream = "client-stream"
  case serverStream = "server-stream"
  case bidi

  /// What is counted.
  var unit: String { self == .unary ? "calls" : "messages" }
}

/// A load on a server, from the first call to the last.
struct Load: Sendable {
  let mix: CallMix
  let payload: [UInt8]
  /// How many messages a client or server stream carries.
  let messages: Int
  let window: Window

  /// Calls until the window is over. The first call that fails ends the load: its figures would mean nothing.
  func run(on clients: [Client], callers: Int, flood: Int, onGlobalExecutor: Bool) async throws -> Tally {
    try await withThrowingTaskGroup(of: Tally.self) { group in
      for number in 0..<flood {
        let client = clients[number % clients.count]
        group.addTask(executorPreference: onGlobalExecutor ? nil : client.executor) {
          try await self.flood(EchoClient(client))
        }
      }
      for number in 0..<callers {
        let client = clients[number % clients.count]
        group.addTask(executorPreference: onGlobalExecutor ? nil : client.executor) {
          try await self.call(EchoClient(client))
        }
      }
      return try await group.reduce(into: Tally(self.window)) { $0.add($1) }
    }
  }

  private func call(_ echo: EchoClient) async throws -> Tally {
    switch self.mix {
    case .unary: try await self.unary(echo)
    case .clientStream: try await self.clientStream(echo)
    case .serverStream: try await self.serverStream(echo)
    case .bidi: try await self.bidi(echo)
    }
  }

  private var message: Msg {
    var message = Msg()
    message.payload = self.payload
    return message
  }

  private func unary(_ echo: EchoClient) async throws -> Tally {
    var tally = Tally(self.window)
    let message = self.message
    var start = ContinuousClock.now
    while start < self.window.end {
      guard try await echo.unary(message) == message else { throw WrongEcho() }
      start = tally.ended(start, count: 1)
    }
    return tally
  }

  /// Calls that are refused, but for those that a limiter lets through now and then.
  private func flood(_ echo: EchoClient) async throws -> Tally {
    var tally = Tally(self.window)
    let message = self.message
    while .now < self.window.end {
      do throws(RPCError) {
        _ = try await echo.unary(message)
      } catch {
        guard error.code == .resourceExhausted else { throw error }
        tally.countRefusal()
      }
    }
    return tally
  }

  private func clientStream(_ echo: EchoClient) async throws -> Tally {
    var tally = Tally(self.window)
    let message = self.message
    var start = ContinuousClock.now
    while start < self.window.end {
      _ = try await echo.clientStream { requests in
        for _ in 0..<self.messages {
          try await requests.write(message)
          tally.countMessage()
        }
      }
      start = tally.ended(start, count: 0)
    }
    return tally
  }

  private func serverStream(_ echo: EchoClient) async throws -> Tally {
    var tally = Tally(self.window)
    let message = self.message
    let options = CallOptions(metadata: ["x-bench-messages": "\(self.messages)"])
    var start = ContinuousClock.now
    while start < self.window.end {
      for try await _ in echo.serverStream(message, options: options) {
        tally.countMessage()
      }
      start = tally.ended(start, count: 0)
    }
    return tally
  }

  private func bidi(_ echo: EchoClient) async throws -> Tally {
    let message = self.message
    return try await echo.bidi { requests, responses in
      var tally = Tally(self.window)
      var answers = responses.makeAsyncIterator()
      var start = ContinuousClock.now
      while start < self.window.end {
        try await requests.write(message)
        guard try await answers.next() != nil else { throw StreamEnded() }
        start = tally.ended(start, count: 1)
      }
      return tally
    }
  }
}

struct StreamEnded: Error, CustomStringConvertible {
  let description = "the server ended the stream before the client did"
}

struct WrongEcho: Error, CustomStringConvertible {
  let description = "a response is not the echo of its request"
}
