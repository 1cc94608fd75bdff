import Bulwark
import ConsensusService
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

/// Ends the streams that would never end by themselves, so that a graceful stop does not wait for them.
struct StreamStopper: Service {
  let node: ConsensusNode

  func run() async throws {
    try await gracefulShutdown()
    self.node.stopStreams()
  }
}

/// Proposes and votes for every validator, so that a single node has a chain that grows.
struct AutomaticCommittee: Service {
  let node: ConsensusNode
  let interval: Duration

  func run() async throws {
    try await cancelWhenGracefulShutdown {
      for height in 1... {
        try await Task.sleep(for: self.interval)
        try self.node.decideAlone([Array("automatic transaction \(height)".utf8)])
      }
    }
  }
}
