import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// What is generated for one message.
struct MessagePlan {
  let message: Descriptor

  /// The name where the message is declared, and where it is extended.
  let declaredName: String
  let fullName: String

  /// The place of the message in the file's table.
  let index: Int

  /// The bytes of the message in memory.
  let byteCount: Int

  /// All fields but groups, in the order of their numbers.
  let fields: [FieldPlan]

  let oneofs: [OneofPlan]

  /// The fields that are properties, in the order of the .proto file.
  var properties: [FieldPlan] {
    self.fields.filter { if case .oneofMember = $0.shape { false } else { true } }
      .sorted { $0.field.index < $1.field.index }
  }

  init(_ message: Descriptor, namer: Namer, table: TablePlan) {
    let names = namer.properties(of: message)
    var memory = MemoryPlan()
    var oneofPlaces: [Int: Place] = [:]
    var fields: [FieldPlan] = []
    for field in message.fields.sorted(by: { $0.number < $1.number }) {
      guard let type = ValueType(field, namer: namer, table: table) else { continue }
      // Both fields of a map entry are always written, so both have a flag.
      let shape = message.options.mapEntry ? .optional : FieldPlan.Shape(field, namer: namer, table: table)
      let place: Place
      var name = names[field.name] ?? field.name
      switch shape {
      case .singular: place = memory.value(of: type, hasFlag: type.isFloat)
      case .optional, .required: place = memory.value(of: type, hasFlag: !type.isMessage)
      case .repeated, .map: place = memory.elements()
      case .oneofMember:
        guard let oneof = field.realContainingOneof else { continue }
        let types = oneof.fields.compactMap { ValueType($0, namer: namer, table: table) }
        place = oneofPlaces[oneof.index] ?? memory.oneof(of: types)
        oneofPlaces[oneof.index] = place
        name = namer.cases(of: oneof)[field.name] ?? field.name
      }
      fields.append(
        FieldPlan(
          field: field,
          type: type,
          shape: shape,
          name: name,
          offset: place.offset,
          presence: place.presence,
          isRecursive: Recursion.contains(field)
        )
      )
    }
    self.message = message
    self.declaredName = ReservedNames.quoted(namer.declaredName(of: message))
    self.fullName = namer.name(of: message)
    self.index = table.index(of: message) ?? 0
    self.byteCount = memory.byteCount
    self.fields = fields
    self.oneofs = message.realOneofs.map { oneof in
      OneofPlan(
        oneof: oneof,
        typeName: ReservedNames.quoted(namer.declaredName(of: oneof)),
        name: names[oneof.name] ?? oneof.name,
        members: fields.filter { $0.field.realContainingOneof === oneof },
        place: oneofPlaces[oneof.index] ?? Place(offset: 0, presence: nil)
      )
    }
  }
}

/// What is generated for one oneof.
struct OneofPlan {
  let oneof: OneofDescriptor

  /// The name of the enumeration of its members.
  let typeName: String

  /// The name of the property, without backticks.
  let name: String

  let members: [FieldPlan]
  let place: Place
}

extension FieldPlan.Shape {
  fileprivate init(_ field: FieldDescriptor, namer: Namer, table: TablePlan) {
    if field.isMap, let map = MapPlan(field, namer: namer, table: table) {
      self = .map(map)
    } else if field.isRepeated {
      self = .repeated(isPacked: field.isPacked)
    } else if field.realContainingOneof != nil {
      self = .oneofMember
    } else if field.isRequired {
      self = .required
    } else {
      self = field.hasPresence && field.type != .message ? .optional : .singular
    }
  }
}

extension MapPlan {
  /// The plan of a map field's entries, which are messages with a key and a value; both are always written.
  fileprivate init?(_ field: FieldDescriptor, namer: Namer, table: TablePlan) {
    guard
      let entry = field.messageType,
      let (key, value) = entry.mapKeyAndValue,
      let keyType = ValueType(key, namer: namer, table: table),
      let valueType = ValueType(value, namer: namer, table: table),
      let index = table.index(of: entry)
    else { return nil }
    var memory = MemoryPlan()
    self.key = keyType
    self.keyPlace = memory.value(of: keyType, hasFlag: true)
    self.value = valueType
    self.valuePlace = memory.value(of: valueType, hasFlag: !valueType.isMessage)
    self.entryIndex = index
  }
}
