import ArgumentParser
import BulwarkCore
import BulwarkInterceptors
import Foundation
import SwiftProtobuf
import Testing

@testable import bulwark_policies

struct ShowTests {
  private static let yaml = """
    policies:
      app.Service/Call: { timeout: 200ms, bulkhead: {} }
      app.Service: { rate_limit: { rate: 50 } }
      "*": { timeout: 9s }
    """
  private static let serviceConfig = """
    {"methodConfig": [{"name": [{"service": "app.Service"}], "waitForReady": true}]}
    """

  @Test func eachMethodIsShownWithItsValuesAndWhereTheyComeFrom() throws {
    let directory = try Directory()
    let yaml = try directory.write(Self.yaml, "policies.yaml")
    let config = try directory.write(Self.serviceConfig, "grpc.json")
    let command = try ShowCommand.parse(["--config", yaml, "--service-config", config])
    let shown = try command.effectivePolicies(nil, environment: ["BULWARK_POLICY__ALL__IDLE_TIMEOUT": "1m"])
    #expect(
      shown.table == """
        */*
          timeout = 9s           policies.yaml (*)
          idle_timeout = 60s     environment (*)

        app.Service/*
          timeout = 9s           policies.yaml (*)
          wait_for_ready = true  grpc.json (app.Service)
          idle_timeout = 60s     environment (*)
          rate_limit.rate = 50   policies.yaml (app.Service)

        app.Service/Call
          timeout = 200ms        policies.yaml (app.Service/Call)
          wait_for_ready = true  grpc.json (app.Service)
          idle_timeout = 60s     environment (*)
          rate_limit.rate = 50   policies.yaml (app.Service)
          bulkhead = true        policies.yaml (app.Service/Call)
        """
    )
    try command.run()
  }

  @Test func asJSONTheSameIsShown() throws {
    let directory = try Directory()
    let yaml = try directory.write("policies: { app.Service/Call: { timeout: 1s } }", "policies.yaml")
    let command = try ShowCommand.parse(["--config", yaml, "--json"])
    let json = try Output.json(try command.effectivePolicies(nil, environment: [:]))
    #expect(
      json == """
        {
          "methods" : [
            {
              "method" : "app.Service/Call",
              "values" : [
                {
                  "key" : "timeout",
                  "selector" : "app.Service/Call",
                  "source" : "policies.yaml",
                  "value" : "1s"
                }
              ]
            }
          ]
        }
        """
    )
    try command.run()
  }

  @Test func aMethodWithoutPoliciesIsShownAsSuch() throws {
    let method = MethodDescriptor(service: "app.Service", method: "Call", kind: .unary)
    let shown = ShownPolicies([EffectivePolicy(of: method, from: [])])
    #expect(shown.table == "app.Service/Call\n  nothing")
  }

  @Test func theMethodsOfADescriptorSetAreShown() throws {
    let directory = try Directory()
    let set = try directory.write(Self.descriptors.serializedData(), "app.pb")
    #expect(
      try DescriptorSet(path: set).methods == [
        MethodDescriptor(service: "app.Service", method: "Call", kind: .unary),
        MethodDescriptor(service: "app.Service", method: "Upload", kind: .clientStreaming),
        MethodDescriptor(service: "app.Service", method: "Watch", kind: .serverStreaming),
        MethodDescriptor(service: "app.Service", method: "Chat", kind: .bidirectional),
      ]
    )
    let yaml = try directory.write(Self.yaml, "policies.yaml")
    try ShowCommand.parse(["--config", yaml, "--descriptor-set", set]).run()
  }

  @Test func whatCannotBeShownEndsWithOne() throws {
    let directory = try Directory()
    let bad = try directory.write("policies: { '*': { timeout: 3 } }", "policies.yaml")
    #expect(throws: ExitCode.failure) { try ShowCommand.parse(["--config", bad]).run() }
    #expect(throws: ExitCode.failure) { try ShowCommand.parse(["--descriptor-set", bad]).run() }
  }

  @Test func filesThatAreFineEndWithNothingAndOthersWithOne() throws {
    let directory = try Directory()
    let good = try directory.write(Self.yaml, "good.yaml")
    let bad = try directory.write("policies: { app.Other: {} }", "bad.yaml")
    let config = try directory.write(Self.serviceConfig, "grpc.json")
    let set = try directory.write(Self.descriptors.serializedData(), "app.pb")
    try CheckCommand.parse([good, "--service-config", config, "--descriptor-set", set]).run()
    try CheckCommand.parse([good, bad]).run()
    #expect(throws: ExitCode.failure) { try CheckCommand.parse([good, bad, "--descriptor-set", set]).run() }
    let wrong = try directory.write(#"{"methodConfig": [{"timeout": "soon"}]}"#, "wrong.json")
    #expect(throws: ExitCode.failure) { try CheckCommand.parse(["--service-config", wrong]).run() }
    #expect(throws: (any Error).self) { try CheckCommand.parse([]) }
  }

  private static let descriptors = Google_Protobuf_FileDescriptorSet.with { set in
    set.file = [
      .with { file in
        file.package = "app"
        file.service = [
          .with { service in
            service.name = "Service"
            service.method = [
              ("Call", false, false), ("Upload", true, false), ("Watch", false, true), ("Chat", true, true),
            ]
            .map { name, sends, receives in
              .with {
                $0.name = name
                $0.clientStreaming = sends
                $0.serverStreaming = receives
              }
            }
          }
        ]
      }
    ]
  }
}

/// A directory of files that lasts as long as a test.
private final class Directory {
  private let url = FileManager.default.temporaryDirectory.appending(path: "bulwark-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: self.url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: self.url)
  }

  func write(_ text: String, _ name: String) throws -> String {
    try self.write(Data(text.utf8), name)
  }

  func write(_ data: Data, _ name: String) throws -> String {
    let file = self.url.appending(path: name)
    try data.write(to: file)
    return file.path()
  }
}
