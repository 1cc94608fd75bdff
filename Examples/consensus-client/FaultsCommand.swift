import ArgumentParser
import Bulwark
import BulwarkProtobuf
import ConsensusService

struct FaultsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "faults",
    abstract: "Shows and changes what a node that runs with --mock does wrong on purpose.",
    subcommands: [Get.self, Set.self, Clear.self],
    defaultSubcommand: Get.self
  )

  struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows the faults that are set, and what they have done so far."
    )

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      try await self.connection.withMockControl { _ in }
    }
  }

  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Replaces the faults of methods: 'SubmitVote:fail=0.8,code=INTERNAL' '*:latency=5ms-20ms'.",
      discussion: "The items are those of consensus-node --mock-fault. 'none' exempts a method from '*'."
    )

    @OptionGroup var connection: ConnectionOptions

    @Argument(
      help: ArgumentHelp("A method, or *, and its faults.", valueName: "METHOD:ITEMS"),
      transform: { try FaultSetting(argument: $0) }
    )
    var faults: [FaultSetting]

    func run() async throws {
      try await self.connection.withMockControl { control in
        let request = SetFaultsRequest.with { $0.faults = self.faults.map(\.message) }
        _ = try await control.setFaults(request, timeout: self.connection.unaryTimeout)
      }
    }
  }

  struct Clear: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes the faults of methods away, or all faults."
    )

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "Methods, or *; all faults unless named.")
    var methods: [String] = []

    func run() async throws {
      try await self.connection.withMockControl { control in
        let request = ClearFaultsRequest.with { $0.methods = self.methods }
        _ = try await control.clearFaults(request, timeout: self.connection.unaryTimeout)
      }
    }
  }
}

extension ConnectionOptions {
  /// Does something to the node's faults, and shows what they are then.
  fileprivate func withMockControl(_ change: (MockControlClient) async throws -> Void) async throws {
    try await self.withClient { client in
      let control = MockControlClient(client)
      try await change(control)
      let answer = try await control.getFaults(GetFaultsRequest(), timeout: self.unaryTimeout)
      let report = try FaultReport(answer)
      self.output.show(report, report.text)
    }
  }
}

extension FaultSetting {
  fileprivate init(argument: String) throws {
    do {
      try self.init(argument)
    } catch {
      throw ValidationError("\(error).")
    }
  }
}
