@testable import BulwarkConfiguration
import BulwarkInterceptors
import Configuration
import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import Testing

struct PolicyFileTests {
  private static let good = "policies: { '*': { timeout: 1s } }"
  private static let better = "policies: { '*': { timeout: 2s } }"
  private static let bad = "policies: { '*': { timeout: soon } }"

  @Test func aFileIsReadAtStart() async throws {
    let bench = try Bench(Self.good)
    try await bench.file.reload()
    #expect(bench.applied == [.seconds(1)])
    #expect(bench.sources == ["policies.yaml"])
  }

  @Test func aBadFileAtStartIsAnErrorThatSaysWhy() async throws {
    let bench = try Bench(Self.bad)
    let error = await #expect(throws: ConfigurationError.self) { try await bench.file.reload() }
    #expect(
      error?.description
        == "policies.yaml:1: policies.\"*\".timeout is \"soon\"; allowed: a duration such as \"250ms\", \"1.5s\" or \"2m\""
    )
    #expect(bench.applied == [])
  }

  @Test func aMissingFileAtStartIsAnError() async throws {
    let bench = try Bench(nil)
    let error = await #expect(throws: ConfigurationError.self) { try await bench.file.reload() }
    #expect(error?.problems.first?.reason == "is not there")
  }

  @Test func aDirectoryIsAnErrorThatSaysSo() async throws {
    let bench = try Bench(nil)
    try FileManager.default.createDirectory(at: bench.url, withIntermediateDirectories: true)
    let error = await #expect(throws: ConfigurationError.self) { try await bench.file.reload() }
    #expect(error?.problems.first?.reason.hasPrefix("cannot be read: ") == true)
  }

  @Test(arguments: [
    (Data([0x70, 0xFF]), "is not UTF-8"),
    (Data(count: (1 << 20) + 1), "has 1048577 bytes; allowed: at most 1048576"),
  ])
  func whatIsNoFileOfPoliciesIsRefused(contents: Data, reason: String) async throws {
    let bench = try Bench(nil)
    try contents.write(to: bench.url)
    let error = await #expect(throws: ConfigurationError.self) { try await bench.file.reload() }
    #expect(error?.problems.map(\.reason) == [reason])
  }

  @Test func aFileOfAnotherKindIsRefused() async throws {
    let bench = try Bench(Self.good, name: "policies.toml")
    let error = await #expect(throws: ConfigurationError.self) { try await bench.file.reload() }
    #expect(error?.problems.map(\.reason) == ["has a name that does not end in .yaml, .yml or .json"])
  }

  @Test func aFileThatIsReplacedByRenamingIsTaken() async throws {
    let bench = try await Bench.running(Self.good)
    let other = bench.directory.appending(path: ".policies.yaml.swp")
    try Self.better.write(to: other, atomically: false, encoding: .utf8)
    #expect(rename(other.path(), bench.url.path()) == 0)
    await bench.look(times: 2)
    #expect(bench.applied == [.seconds(1), .seconds(2)])
  }

  @Test func aFileThatIsWrittenInTwoStepsIsTakenOnceAndWhole() async throws {
    let bench = try await Bench.running(Self.good)
    // A valid file all along, and at first without what the second half says.
    try bench.write("policies:\n  '*': { timeout: 3s }\n")
    await bench.look()
    try bench.append("  'a.Service': { timeout: 4s }\n")
    await bench.look()
    #expect(bench.applied == [.seconds(1)])
    await bench.look()
    #expect(bench.applied == [.seconds(1), .seconds(3)])
    #expect(bench.last?.policies.count == 2)
  }

  @Test func aFileThatIsEmptiedAndThenWrittenIsTakenWithoutAComplaint() async throws {
    let bench = try await Bench.running(Self.good)
    try bench.write("")
    await bench.look()
    try bench.append(Self.better)
    await bench.look(times: 2)
    #expect(bench.applied == [.seconds(1), .seconds(2)])
    #expect(bench.log.messages(.error) == [])
  }

  @Test func aFileThatIsDeletedAndMadeAnewIsTakenAndWhatWasInForceStaysMeanwhile() async throws {
    let bench = try await Bench.running(Self.good)
    try FileManager.default.removeItem(at: bench.url)
    await bench.look(times: 3)
    #expect(bench.applied == [.seconds(1)])
    #expect(bench.log.messages(.warning) == ["The file of policies is gone; nothing has changed"])
    try bench.write(Self.better)
    await bench.look(times: 2)
    #expect(bench.applied == [.seconds(1), .seconds(2)])
  }

  @Test func aLinkThatIsTurnedToAnotherFileIsFollowed() async throws {
    let bench = try Bench(nil)
    for (name, text) in [("1.yaml", Self.good), ("2.yaml", Self.better)] {
      try text.write(to: bench.directory.appending(path: name), atomically: false, encoding: .utf8)
    }
    #expect(symlink("1.yaml", bench.url.path()) == 0)
    try await bench.file.reload()
    #expect(unlink(bench.url.path()) == 0)
    #expect(symlink("2.yaml", bench.url.path()) == 0)
    await bench.look(times: 2)
    #expect(bench.applied == [.seconds(1), .seconds(2)])
  }

  @Test func aBadFileChangesNothingIsLoggedOnceAndTheNextGoodOneIsTaken() async throws {
    let bench = try await Bench.running(Self.good)
    try bench.write(Self.bad)
    await bench.look(times: 5)
    #expect(bench.applied == [.seconds(1)])
    #expect(bench.log.messages(.error) == ["The file of policies is wrong; nothing has changed"])
    #expect(bench.log.reasons.first?.contains("policies.\"*\".timeout is \"soon\"") == true)
    try bench.write(Self.better)
    await bench.look(times: 2)
    #expect(bench.applied == [.seconds(1), .seconds(2)])
  }

  @Test func aSetThatTheCallbackRefusesIsABadFile() async throws {
    let bench = try await Bench.running(Self.good)
    bench.refuse(.seconds(2))
    try bench.write(Self.better)
    await bench.look(times: 4)
    #expect(bench.applied == [.seconds(1)])
    #expect(bench.log.messages(.error).count == 1)
  }

  @Test func byHandAFileIsTakenAtOnce() async throws {
    let bench = try await Bench.running(Self.good)
    try bench.write(Self.better)
    try await bench.file.reload()
    #expect(bench.applied == [.seconds(1), .seconds(2)])
    await bench.look(times: 3)
    #expect(bench.applied.count == 2)
  }

  @Test func aFileThatWasOnlyTouchedIsNotTakenAgain() async throws {
    let bench = try await Bench.running(Self.good)
    try bench.write(Self.good)
    await bench.look(times: 3)
    #expect(bench.applied == [.seconds(1)])
  }

  @Test func theServiceReadsTheFileAtStartAndLooksOnEachTick() async throws {
    let bench = try Bench(Self.good)
    let (ticks, tick) = AsyncStream<Void>.makeStream()
    tick.yield()
    tick.yield()
    tick.finish()
    try bench.write(Self.good)
    try await bench.file.run(on: ticks)
    #expect(bench.applied == [.seconds(1)])
  }

  @Test func theServiceDoesNotStartWithABadFile() async throws {
    let bench = try Bench(Self.bad)
    await #expect(throws: ConfigurationError.self) { try await bench.file.run() }
  }

  @Test func theServiceEndsWhenItsTaskIsCancelled() async throws {
    let bench = try Bench(Self.good)
    let service = Task { try await bench.file.run() }
    service.cancel()
    try await service.value
    #expect(bench.applied == [.seconds(1)])
  }

  @Test func theProgramsOwnConfigurationNamesTheFile() async throws {
    let bench = try Bench(Self.good)
    let applied = Mutex(0)
    let provider = InMemoryProvider(values: [
      "filePath": .init(.string(bench.url.path()), isSecret: false), "pollIntervalSeconds": 1,
    ])
    let file = try PolicyFile(config: ConfigReader(provider: provider), logger: bench.log.logger) { _ in
      applied.withLock { $0 += 1 }
    }
    try await file.reload()
    #expect(applied.withLock(\.self) == 1)
  }

  @Test func anIntervalOfNothingIsRefused() throws {
    let provider = InMemoryProvider(values: ["filePath": "policies.yaml", "pollIntervalSeconds": 0])
    let error = #expect(throws: ConfigurationError.self) {
      try PolicyFile(config: ConfigReader(provider: provider), logger: Logger(label: "test")) { _ in }
    }
    #expect(error?.description == "policies.yaml: pollIntervalSeconds is 0; allowed: 1 to 86400")
  }
}
