import ArgumentParser
import BulwarkCore
import Foundation
import SwiftProtobuf
import Testing

@testable import bulwark_policies

/// What `show` and `check` take from the annotations of .proto files; here of a `bulwark/policy.proto` with a few keys.
struct AnnotationTests {
  /// `timeout: "2s"` of a method, and `rate_limit { rate: 50 }` of its service.
  private static let timeout: [UInt8] = [0x0A, 2] + Array("2s".utf8)
  private static let rateLimit: [UInt8] =
    [0x12, 9, 0x09] + withUnsafeBytes(of: (50.0).bitPattern.littleEndian, Array.init)

  @Test func annotationsComeAfterWhatFilesSay() throws {
    let directory = try AnnotatedSet()
    let set = try DescriptorSet(path: directory.write(method: Self.timeout, service: Self.rateLimit))
    let yaml = try directory.write("policies: { app.Service/Call: { rate_limit: { burst: 7 } } }")
    let command = try ShowCommand.parse(["--config", yaml])
    #expect(
      try command.effectivePolicies(set, environment: [:]).table == """
        app.Service/Call
          timeout = 2s          app.proto (app.Service/Call)
          rate_limit.rate = 50  app.proto (app.Service)
          rate_limit.burst = 7  policies.yaml (app.Service/Call)
        """
    )
    #expect(set.methods.map(\.idempotency) == [.idempotent])
  }

  @Test func anAnnotationThatCannotBeIsRefusedByName() throws {
    let directory = try AnnotatedSet()
    let bad: [UInt8] = [0x0A, 4] + Array("soon".utf8)
    let error = #expect(throws: Finding.self) {
      try DescriptorSet(path: directory.write(method: bad, service: []))
    }
    #expect(error?.description.contains("app.proto: app.Service/Call: timeout is \"soon\"") == true)
  }

  @Test func aSetWithoutItsImportsIsRefusedWithTheRemedy() throws {
    let directory = try AnnotatedSet()
    let error = #expect(throws: Finding.self) {
      try DescriptorSet(path: directory.write(method: Self.timeout, service: [], withImports: false))
    }
    #expect(error?.description.contains("app.proto imports bulwark/policy.proto") == true)
    #expect(error?.description.contains("--include_imports") == true)
  }
}

/// A descriptor set of `app.proto` and what it imports, in a directory that lasts as long as a test.
private final class AnnotatedSet {
  private let url = FileManager.default.temporaryDirectory.appending(path: "bulwark-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: self.url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: self.url)
  }

  func write(_ yaml: String) throws -> String {
    let file = self.url.appending(path: "policies.yaml")
    try Data(yaml.utf8).write(to: file)
    return file.path()
  }

  /// - Parameters:
  ///   - method: The bytes of the method's policy.
  ///   - service: Those of the service's; none if it has no annotation.
  func write(method: [UInt8], service: [UInt8], withImports: Bool = true) throws -> String {
    var set = Google_Protobuf_FileDescriptorSet()
    let app = try Google_Protobuf_FileDescriptorProto.with { file in
      file.name = "app.proto"
      file.package = "app"
      file.dependency = ["bulwark/policy.proto"]
      file.messageType = [.with { $0.name = "Empty" }]
      file.service = [
        try .with { declared in
          declared.name = "Service"
          if !service.isEmpty { declared.options = try .init(serializedBytes: Self.option(service)) }
          declared.method = [
            try .with {
              $0.name = "Call"
              $0.inputType = ".app.Empty"
              $0.outputType = ".app.Empty"
              $0.options = try .init(serializedBytes: Self.option(method))
              $0.options.idempotencyLevel = .idempotent
            }
          ]
        }
      ]
    }
    set.file = (withImports ? [Self.descriptor, Self.policy] : []) + [app]
    let file = self.url.appending(path: "app.pb")
    try set.serializedData().write(to: file)
    return file.path()
  }

  /// Field 50000 of the options, a message of so few bytes that its length takes one.
  private static func option(_ policy: [UInt8]) -> [UInt8] {
    [0x82, 0xB5, 0x18, UInt8(policy.count)] + policy
  }

  private static let descriptor = Google_Protobuf_FileDescriptorProto.with { file in
    file.name = "google/protobuf/descriptor.proto"
    file.package = "google.protobuf"
    file.messageType = ["MethodOptions", "ServiceOptions"].map { name in
      .with {
        $0.name = name
        $0.extensionRange = [
          .with {
            $0.start = 1000
            $0.end = 536_870_912
          }
        ]
      }
    }
  }

  private static let policy = Google_Protobuf_FileDescriptorProto.with { file in
    file.name = "bulwark/policy.proto"
    file.package = "bulwark"
    file.syntax = "proto2"
    file.dependency = ["google/protobuf/descriptor.proto"]
    file.messageType = [
      .with {
        $0.name = "MethodPolicy"
        $0.field = [
          AnnotatedSet.field("timeout", 1, .string),
          AnnotatedSet.field("rate_limit", 2, .message, ".bulwark.RateLimit"),
        ]
      },
      .with {
        $0.name = "RateLimit"
        $0.field = [AnnotatedSet.field("rate", 1, .double)]
      },
    ]
    file.extension = [("policy", "MethodOptions"), ("default_policy", "ServiceOptions")].map {
      name,
      options in
      var field = AnnotatedSet.field(name, 50_000, .message, ".bulwark.MethodPolicy")
      field.extendee = ".google.protobuf.\(options)"
      return field
    }
  }

  private static func field(
    _ name: String,
    _ number: Int32,
    _ type: Google_Protobuf_FieldDescriptorProto.TypeEnum,
    _ typeName: String? = nil
  ) -> Google_Protobuf_FieldDescriptorProto {
    .with {
      $0.name = name
      $0.jsonName = name
      $0.number = number
      $0.label = .optional
      $0.type = type
      if let typeName { $0.typeName = typeName }
    }
  }
}
