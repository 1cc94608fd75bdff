import Bulwark
import ConsensusService
import Logging
import ServiceLifecycle

/// Says where the server listens, once it does: whoever started the node waits for this line.
struct Announcement: Service {
  let server: Server

  func run() async throws {
    let endpoint = try await self.server.listeningEndpoint
    print("listening on \(endpoint)")
    flushOutput()
    try await gracefulShutdown()
  }
}

/// Ends the calls that would never end by themselves, so that a graceful stop does not wait for them.
struct EndlessCallStopper: Service {
  let node: ConsensusNode
  let faults: MockFaults?

  func run() async throws {
    try await gracefulShutdown()
    self.node.stopStreams()
    self.faults?.stop()
  }
}

/// Proposes and votes for every validator, so that a single node has a chain that grows.
struct AutomaticCommittee: Service {
  let node: ConsensusNode
  let interval: Duration
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      for number in 1... {
        guard (try? await Task.sleep(for: self.interval)) != nil else { return }
        self.decide([Array("automatic transaction \(number)".utf8)])
      }
    }
  }

  private func decide(_ transactions: [[UInt8]]) {
    do {
      try self.node.decideAlone(transactions)
    } catch {
      // Whoever else proposes or votes here can be in the way; the next round is another try.
      self.logger.info("no block was decided", metadata: ["reason": "\(error)"])
    }
  }
}
