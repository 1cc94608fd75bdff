import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// Writes what a service is on both sides: the protocol that a server implements, the methods, and the client.
struct ServicePrinter {
  private let service: ServiceDescriptor
  private let name: String
  private let methods: [MethodPlan]
  private let policies: ServicePolicies
  private let codec: String
  private let access: String
  private let file: String

  init(
    _ service: ServiceDescriptor,
    policies: ServicePolicies,
    namer: Namer,
    messages: MessageLibrary,
    access: String
  ) {
    self.service = service
    self.policies = policies
    self.name = namer.name(of: service)
    self.codec = messages.codec
    self.access = access
    self.file = namer.descriptorName(of: service.file)
    let names = namer.methods(of: service)
    self.methods = service.methods.map { method in
      MethodPlan(
        method: method,
        name: ReservedNames.quoted(names[method.name] ?? method.name),
        request: messages.name(of: method.inputType),
        response: messages.name(of: method.outputType),
        isOffLoop: policies.offLoop.contains(method.name)
      )
    }
  }

  /// Whether the .proto file annotates the service or one of its methods with more than an executor.
  var hasPolicies: Bool { !self.policies.annotations.isEmpty }

  func write(to source: inout SourceText) {
    self.writeProtocol(to: &source)
    source.line()
    self.writeRegistration(to: &source)
    source.line()
    self.writeMethods(to: &source)
    source.line()
    self.writeClient(to: &source)
  }

  // MARK: - Server

  private func writeProtocol(to source: inout SourceText) {
    source.documentation(Comments.lines(of: self.service, isDeprecated: self.service.options.deprecated))
    source.block("\(self.access)protocol \(ReservedNames.quoted(self.name)): BulwarkCore.RPCService {") {
      source in
      for (index, method) in self.methods.enumerated() {
        if index > 0 { source.line() }
        source.documentation(method.documentation)
        source.line("func \(method.name)(\(method.serverParameters)) async throws\(method.serverResult)")
      }
    }
  }

  private func writeRegistration(to source: inout SourceText) {
    source.block("extension \(ReservedNames.quoted(self.name)) {") { source in
      source.line("/// The methods of `\(self.service.fullName)`.")
      source.line("\(self.access)typealias Methods = \(self.name)Methods")
      source.line()
      source.line("/// Adds a handler for each method of `\(self.service.fullName)`.")
      source.block("\(self.access)func register(in registry: inout BulwarkCore.ServiceRegistry) {") {
        source in
        for method in self.methods {
          source.line(
            "registry.\(method.registration)(\(self.name)Methods.\(method.name), \(method.execution)\(method.handler))"
          )
        }
        source.line("registry.describe(\"\(self.service.fullName)\", in: BulwarkCore.ProtoFile.\(self.file))")
      }
    }
  }

  private func writeMethods(to source: inout SourceText) {
    source.line("/// The methods of `\(self.service.fullName)`: names, kinds and codecs.")
    source.block("\(self.access)enum \(self.name)Methods {") { source in
      for (index, method) in self.methods.enumerated() {
        if index > 0 { source.line() }
        let type = "BulwarkCore.RPCMethod<\(method.request), \(method.response)>"
        source.line("/// `/\(self.service.fullName)/\(method.method.name)`.")
        source.block("\(self.access)static let \(method.name) = \(type)(", closing: ")") { source in
          let path = "service: \"\(self.service.fullName)\", method: \"\(method.method.name)\""
          source.line("BulwarkCore.MethodDescriptor(\(path), kind: .\(method.kind)\(method.idempotency)),")
          source.line("request: \(self.codec),")
          source.line("response: \(self.codec)")
        }
      }
      guard self.hasPolicies else { return }
      source.line()
      PolicyPrinter(policies: self.policies, access: self.access, source: self.service.file.name)
        .write(to: &source)
    }
  }

  // MARK: - Client

  private func writeClient(to source: inout SourceText) {
    source.line("/// Calls `\(self.service.fullName)`. Copies share what they call through.")
    source.block("\(self.access)struct \(self.name)Client: Sendable {") { source in
      source.line("private let invoker: any BulwarkCore.CallInvoker")
      source.line()
      source.line("/// Creates a client that makes its calls on a connection, or on a layer around one.")
      source.block("\(self.access)init(_ invoker: any BulwarkCore.CallInvoker) {") { source in
        source.line("self.invoker = invoker")
      }
      for method in self.methods {
        source.line()
        source.documentation(method.documentation)
        source.block("\(self.access)func \(method.clientSignature) {") { source in
          let options = "options: options.with(timeout: timeout)"
          source.line(method.clientCall("\(self.name)Methods.\(method.name)", options))
        }
      }
    }
  }
}
