import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// Writes an enumeration.
struct EnumPrinter {
  private let enumeration: EnumDescriptor
  private let name: String
  private let cases: [String: String]
  private let access: String

  /// The values without those that only give another name to a number.
  private let values: [EnumValueDescriptor]

  init(_ enumeration: EnumDescriptor, namer: Namer, access: String) {
    self.enumeration = enumeration
    self.name = ReservedNames.quoted(namer.declaredName(of: enumeration))
    self.cases = namer.cases(of: enumeration)
    self.access = access
    var numbers: Set<Int32> = []
    self.values = enumeration.values.filter { numbers.insert($0.number).inserted }
  }

  func write(to source: inout SourceText) {
    source.documentation(
      Comments.lines(of: self.enumeration, isDeprecated: self.enumeration.options.deprecated)
    )
    source.block("\(self.access)enum \(self.name): BulwarkProtobuf.ProtobufEnum {") { source in
      for value in self.values {
        source.documentation(Comments.lines(of: value, isDeprecated: value.options.deprecated))
        source.line("case \(self.caseName(value))")
      }
      source.line("/// A number that the schema does not name.")
      source.line("case unrecognized(Int32)")
      self.writeAliases(to: &source)
      source.line()
      source.line("/// Creates the value that the schema names first.")
      source.block("\(self.access)init() {") { source in
        source.line(self.values.first.map { "self = .\(self.caseName($0))" } ?? "self = .unrecognized(0)")
      }
      source.line()
      source.line("/// Makes the value of a number.")
      source.block("\(self.access)init(rawValue: Int32) {") { source in
        source.block("self = switch rawValue {") { source in
          for value in self.values { source.line("case \(value.number): .\(self.caseName(value))") }
          source.line("default: .unrecognized(rawValue)")
        }
      }
      source.line()
      source.line("/// The number of the value.")
      source.block("\(self.access)var rawValue: Int32 {") { source in
        source.block("switch self {") { source in
          for value in self.values { source.line("case .\(self.caseName(value)): \(value.number)") }
          source.line("case .unrecognized(let rawValue): rawValue")
        }
      }
    }
  }

  private func writeAliases(to source: inout SourceText) {
    for value in self.enumeration.values {
      guard let original = self.values.first(where: { $0.number == value.number }), original !== value else {
        continue
      }
      source.line()
      source.documentation(Comments.lines(of: value, isDeprecated: value.options.deprecated))
      source.line("\(self.access)static var \(self.caseName(value)): Self { .\(self.caseName(original)) }")
    }
  }

  private func caseName(_ value: EnumValueDescriptor) -> String {
    ReservedNames.quoted(self.cases[value.name] ?? value.name)
  }
}
