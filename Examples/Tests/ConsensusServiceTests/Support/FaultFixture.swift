import Bulwark
import BulwarkResilience
import BulwarkTestKit

@testable import ConsensusService

/// A node behind mock faults, in memory, on virtual time and with seeded chance.
struct FaultFixture {
  let clock = VirtualClock()
  let node: ConsensusNode
  let faults: MockFaults
  let client: ConsensusServiceClient
  let control: MockControlClient

  init(seed: UInt64 = 1) {
    self.node = NodeFixture().node
    self.faults = MockFaults(clock: self.clock.policyClock, random: RandomSource(SeededGenerator(seed: seed)))
    let (node, faults) = (self.node, self.faults)
    self.client = ConsensusServiceClient(
      InProcessClient(to: InProcessServer(interceptors: [faults]) { node })
    )
    self.control = MockControlClient(InProcessClient(to: InProcessServer { FaultControl(faults) }))
  }

  func set(_ settings: String...) throws {
    try self.faults.set(settings.map { try FaultSetting($0) })
  }

  /// One call of GetStatus, with metadata of its own.
  func status(_ metadata: Metadata = [:]) async -> StatusCode {
    var options = CallOptions()
    options.metadata = metadata
    do throws(RPCError) {
      _ = try await self.client.getStatus(GetStatusRequest(), options: options)
      return .ok
    } catch {
      return error.code
    }
  }

  /// So many calls of GetStatus, one after the other.
  func statuses(_ count: Int, _ metadata: Metadata = [:]) async -> [StatusCode] {
    var codes: [StatusCode] = []
    for _ in 0..<count { codes.append(await self.status(metadata)) }
    return codes
  }

  /// What was done to a method's calls.
  func counts(_ method: String = "GetStatus") -> FaultCounts? {
    self.faults.counts.first { $0.method == method }
  }
}
