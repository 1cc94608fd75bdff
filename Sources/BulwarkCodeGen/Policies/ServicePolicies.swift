import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// What a .proto file says of the policies of a service: of all its methods, and of each.
struct ServicePolicies {
  /// The annotations, as the Swift expressions of their selectors and what they set. Without the executor, which the
  /// generated server obeys by itself.
  private(set) var annotations: [(selector: String, settings: [PolicySetting])] = []

  /// The methods that run off the event loop, by their names in the file.
  private(set) var offLoop: Set<String> = []

  /// Reads the options of a service and its methods.
  ///
  /// - Throws: ``GeneratorError`` for a value that its key cannot have, and for retry together with hedging.
  init(of service: ServiceDescriptor, schema: PolicySchema?) throws(GeneratorError) {
    guard let schema else { return }
    let file = service.file.name
    let defaults = try Self.settings(
      service.options.unknownFields,
      schema.service,
      PolicyReader(place: "\(file): \(service.fullName)")
    )
    self.add(".service(\"\(service.fullName)\")", defaults)
    for method in service.methods {
      let reader = PolicyReader(place: "\(file): \(service.fullName)/\(method.name)")
      let own = try Self.settings(method.options.unknownFields, schema.method, reader)
      guard !(Self.acts("retry", own, defaults) && Self.acts("hedging", own, defaults)) else {
        throw reader.refusal("retry", "set together with hedging", "one of them, or `mode: OFF` in the other")
      }
      self.add(".method(service: \"\(service.fullName)\", \"\(method.name)\")", own)
      if (own.expression(Self.executor) ?? defaults.expression(Self.executor)) == ".offLoop" {
        self.offLoop.insert(method.name)
      }
    }
  }

  private static let executor = "executor"

  private static func settings(
    _ options: UnknownStorage,
    _ option: FieldDescriptor,
    _ reader: PolicyReader
  ) throws(GeneratorError) -> [PolicySetting] {
    guard let bytes = try OptionBytes(options).message(option.number) else { return [] }
    return try reader.settings(of: option.messageType, bytes)
  }

  private mutating func add(_ selector: String, _ settings: [PolicySetting]) {
    let settings = settings.filter { $0.key != Self.executor }
    if !settings.isEmpty { self.annotations.append((selector, settings)) }
  }

  /// Whether a section is there and not switched off, by the method's own annotation and the service's behind it.
  private static func acts(_ key: String, _ own: [PolicySetting], _ defaults: [PolicySetting]) -> Bool {
    let sections = [own.section(key), defaults.section(key)].compactMap { $0 }
    return !sections.isEmpty && sections.lazy.compactMap { $0.expression("mode") }.first != ".off"
  }
}
