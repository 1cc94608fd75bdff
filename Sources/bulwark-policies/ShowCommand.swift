import ArgumentParser
import BulwarkConfiguration
import BulwarkCore
import BulwarkInterceptors

/// `bulwark-policies show`.
struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Shows what holds for each method, and where each value comes from.",
    discussion: """
      The sources, the highest precedence first: the environment (BULWARK_POLICY__...), the files of policies, the \
      service configs, each in the order in which they are given, and the annotations in the .proto files of the \
      descriptor set. What a program itself annotates its methods with in Swift is not known here: it stands between the \
      two. Without a descriptor set it shows the methods that \
      the sources name; PACKAGE.SERVICE/* is then any other method of a service, and */* one of any other service.
      """
  )

  @Option(name: .customLong("config"), help: "A file of policies: YAML or JSON. Can be given again.")
  var configs: [String] = []

  @Option(name: .customLong("service-config"), help: "A gRPC service config in JSON. Can be given again.")
  var serviceConfigs: [String] = []

  @Option(
    help:
      "What protoc --descriptor_set_out --include_imports wrote: the methods to show, and their annotations."
  )
  var descriptorSet: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let described = try self.descriptorSet.map { path in
      try orExit { () throws(Finding) in try DescriptorSet(path: path) }
    }
    let shown = try orExit { () throws(ConfigurationError) in
      try self.effectivePolicies(described, environment: .processEnvironment)
    }
    print(self.json ? try Output.json(shown) : shown.table)
  }

  /// What is to be shown, of these methods or of those that the sources name.
  func effectivePolicies(
    _ descriptors: DescriptorSet?,
    environment: [String: String]
  ) throws(ConfigurationError) -> ShownPolicies {
    let described = descriptors?.methods
    var sources: [PolicySet] = []
    for file in self.configs { sources.append(try PolicySet(configurationFile: file, methods: described)) }
    for file in self.serviceConfigs {
      sources.append(try PolicySet(serviceConfigFile: file) { Output.complain("warning: \($0)") })
    }
    let named = Set(sources.flatMap(\.policies.keys))
    let selectors = described.map { PolicySet.selectors(of: $0) } ?? named
    sources += descriptors?.policies ?? []
    sources.insert(try PolicySet(environment: environment, selectors: selectors), at: 0)
    let methods = described ?? named.map(\.example)
    return ShownPolicies(methods.map { EffectivePolicy(of: $0, from: sources) })
  }
}

extension PolicySelector {
  /// A method that it selects, with a `*` for what it leaves open.
  fileprivate var example: MethodDescriptor {
    switch self {
    case .all: MethodDescriptor(service: "*", method: "*", kind: .unary)
    case .service(let service): MethodDescriptor(service: service, method: "*", kind: .unary)
    case .method(let service, let method): MethodDescriptor(service: service, method: method, kind: .unary)
    }
  }
}
