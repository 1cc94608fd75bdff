import SwiftProtobuf
package import SwiftProtobufPluginLibrary

/// What a .proto file says of the policies of a service: of all its methods, and of each.
package struct ServicePolicies {
  /// The service's full name.
  package let service: String

  /// The annotations: the methods' by their names in the file, and that of the service itself. Without the executor,
  /// which the generated server obeys by itself.
  package private(set) var annotations: [(method: String?, settings: [PolicySetting])] = []

  /// The methods that run off the event loop, by their names in the file.
  private(set) var offLoop: Set<String> = []

  /// Reads the options of a service and its methods.
  ///
  /// - Throws: ``GeneratorError`` for a value that its key cannot have, and for retry together with hedging.
  package init(of service: ServiceDescriptor, schema: PolicySchema?) throws(GeneratorError) {
    self.service = service.fullName
    guard let schema else { return }
    let file = service.file.name
    let defaults = try Self.settings(
      service.options.unknownFields,
      schema.service,
      PolicyReader(place: "\(file): \(service.fullName)")
    )
    self.add(nil, defaults)
    for method in service.methods {
      let reader = PolicyReader(place: "\(file): \(service.fullName)/\(method.name)")
      let own = try Self.settings(method.options.unknownFields, schema.method, reader)
      guard !(Self.acts("retry", own, defaults) && Self.acts("hedging", own, defaults)) else {
        throw reader.refusal("retry", "set together with hedging", "one of them, or `mode: OFF` in the other")
      }
      self.add(method.name, own)
      if (own.literal(Self.executor) ?? defaults.literal(Self.executor)) == .choice("OFF_LOOP") {
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

  private mutating func add(_ method: String?, _ settings: [PolicySetting]) {
    let settings = settings.filter { $0.key != Self.executor }
    if !settings.isEmpty { self.annotations.append((method, settings)) }
  }

  /// Whether a section is there and not switched off, by the method's own annotation and the service's behind it.
  private static func acts(_ key: String, _ own: [PolicySetting], _ defaults: [PolicySetting]) -> Bool {
    let sections = [own.section(key), defaults.section(key)].compactMap { $0 }
    return !sections.isEmpty && sections.lazy.compactMap { $0.literal("mode") }.first != .choice("OFF")
  }
}
