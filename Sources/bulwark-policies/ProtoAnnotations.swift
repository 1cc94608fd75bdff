import BulwarkCodeGen
import BulwarkInterceptors
import BulwarkResilience
import SwiftProtobuf
import SwiftProtobufPluginLibrary

extension PolicySet {
  /// What the files of a descriptor set annotate their methods with, a source for each file that does: what
  /// protoc-gen-bulwark writes into their Swift.
  static func annotations(in set: Google_Protobuf_FileDescriptorSet) throws(Finding) -> [PolicySet] {
    // Nothing is resolved that need not be: a set without annotations may lack its imports.
    guard set.file.contains(where: \.mayBeAnnotated) else { return [] }
    var known: Set<String> = []
    for file in set.file {
      if let missing = file.dependency.first(where: { !known.contains($0) }) {
        throw Finding("\(file.name) imports \(missing), which is not there: have protoc --include_imports")
      }
      known.insert(file.name)
    }
    var sources: [PolicySet] = []
    for file in SwiftProtobufPluginLibrary.DescriptorSet(proto: set).files {
      guard let schema = PolicySchema(visibleIn: file) else { continue }
      var source = PolicySet(source: file.name)
      for service in file.services {
        let policies: ServicePolicies
        do throws(GeneratorError) {
          policies = try ServicePolicies(of: service, schema: schema)
        } catch {
          throw Finding(error.description)
        }
        try source.annotate(with: policies)
      }
      sources.append(source)
    }
    return sources
  }

  private mutating func annotate(with policies: ServicePolicies) throws(Finding) {
    for (method, settings) in policies.annotations {
      var policy = MethodPolicy()
      do throws(InvalidOption) {
        try policy.set(settings)
      } catch {
        throw Finding(
          "\(self.source): \(policies.service): \(error.field) is \(error.value); allowed: \(error.allowed)"
        )
      }
      self.annotate(
        method.map { .method(service: policies.service, $0) } ?? .service(policies.service),
        policy
      )
    }
  }
}

extension Google_Protobuf_FileDescriptorProto {
  /// Whether it imports the options, wherever they are kept.
  fileprivate var mayBeAnnotated: Bool {
    self.dependency.contains { $0.hasSuffix("bulwark/policy.proto") }
  }
}

extension MethodPolicy {
  fileprivate mutating func set(_ settings: [PolicySetting], in section: String = "") throws(InvalidOption) {
    for setting in settings {
      let key = section + setting.key
      switch setting.value {
      case .literal(let literal):
        try self.set(key, to: PolicyValue(literal))
      case .section(let settings):
        try self.set(key, to: .flag(true))
        try self.set(settings, in: "\(key).")
      }
    }
  }
}

extension PolicyValue {
  fileprivate init(_ literal: PolicyLiteral) {
    switch literal {
    case .flag(let flag): self = .flag(flag)
    case .integer(let integer): self = .integer(Int(clamping: integer))
    case .number(let number): self = .number(number)
    case .text(let text), .duration(let text), .choice(let text): self = .text(text)
    case .choices(let names): self = .list(names.map { .text($0) })
    }
  }
}
