import SwiftProtobuf

/// The value of an option as a .proto file writes it, and the bytes that protoc makes of it.
enum Annotation: Sendable {
  case message([(key: String, value: Annotation)])
  case list([Annotation])
  case text(String)
  case number(Double)
  case flag(Bool)

  /// The bytes of a message with these fields.
  func encoded(
    as type: Google_Protobuf_DescriptorProto,
    in file: Google_Protobuf_FileDescriptorProto
  ) throws -> [UInt8] {
    guard case .message(let fields) = self else { throw Missing() }
    return try fields.flatMap { key, value in
      let field = try type.field.find { $0.name == key }
      guard case .list(let values) = value else { return try value.encoded(as: field, in: file) }
      return try values.flatMap { try $0.encoded(as: field, in: file) }
    }
  }

  /// The bytes of a field with this value.
  func encoded(
    as field: Google_Protobuf_FieldDescriptorProto,
    in file: Google_Protobuf_FileDescriptorProto
  ) throws -> [UInt8] {
    switch (field.type, self) {
    case (.message, .message):
      let bytes = try self.encoded(as: try file.message(field.typeName), in: file)
      return Self.key(field, 2) + Self.varint(bytes.count) + bytes
    case (.string, .text(let text)):
      return Self.key(field, 2) + Self.varint(text.utf8.count) + Array(text.utf8)
    case (.enum, .text(let name)):
      let value = try file.enumeration(field.typeName).value.find { $0.name == name }
      return Self.key(field, 0) + Self.varint(Int(value.number))
    case (.enum, .number(let number)), (.uint32, .number(let number)):
      return Self.key(field, 0) + Self.varint(Int(number))
    case (.bool, .flag(let flag)):
      return Self.key(field, 0) + [flag ? 1 : 0]
    case (.double, .number(let number)):
      let bits = number.bitPattern
      return Self.key(field, 1) + stride(from: 0, to: 64, by: 8).map { UInt8(truncatingIfNeeded: bits >> $0) }
    default:
      throw Missing()
    }
  }

  private static func key(_ field: Google_Protobuf_FieldDescriptorProto, _ wireType: Int) -> [UInt8] {
    Self.varint(Int(field.number) << 3 | wireType)
  }

  private static func varint(_ number: Int) -> [UInt8] {
    number < 0x80 ? [UInt8(number)] : [UInt8(number & 0x7f | 0x80)] + Self.varint(number >> 7)
  }
}

extension Annotation: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
  ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
  init(dictionaryLiteral elements: (String, Annotation)...) {
    self = .message(elements.map { (key: $0.0, value: $0.1) })
  }
  init(arrayLiteral elements: Annotation...) { self = .list(elements) }
  init(stringLiteral value: String) { self = .text(value) }
  init(floatLiteral value: Double) { self = .number(value) }
  init(integerLiteral value: Int) { self = .number(Double(value)) }
  init(booleanLiteral value: Bool) { self = .flag(value) }
}

extension Generation {
  /// What is generated for `shop.proto`, whose service `shop.Shop` has these annotations: of the service, and by the
  /// names of methods. An annotation of several parts is passed on as protoc does it where options are set one by one.
  static func source(
    default defaults: Annotation...,
    methods: KeyValuePairs<String, [Annotation]>,
    options: String = ""
  ) throws -> String {
    let policy = try PolicyProto.file()
    func bytes(_ option: String, _ parts: [Annotation]) throws -> [UInt8] {
      let field = try policy.extension.find { $0.name == option }
      return try parts.flatMap { try $0.encoded(as: field, in: policy) }
    }
    var shop = try Google_Protobuf_FileDescriptorProto(
      textFormatString: """
        name: "shop.proto" package: "shop" syntax: "proto3" dependency: "bulwark/policy.proto"
        message_type { name: "Msg" } service { name: "Shop" }
        """
    )
    shop.service[0].options = try Google_Protobuf_ServiceOptions(
      serializedBytes: try bytes("default_policy", defaults)
    )
    shop.service[0].method = try methods.map { name, parts in
      let options = try Google_Protobuf_MethodOptions(serializedBytes: try bytes("policy", parts))
      return .with {
        $0.name = name
        $0.inputType = ".shop.Msg"
        $0.outputType = ".shop.Msg"
        $0.options = options
      }
    }
    return try Self.source(of: Self.response([Self.descriptorProto(), policy, shop], options: options))
  }

  /// As much of google/protobuf/descriptor.proto as an import of policy.proto needs.
  static func descriptorProto() throws -> Google_Protobuf_FileDescriptorProto {
    try Google_Protobuf_FileDescriptorProto(
      textFormatString: """
        name: "google/protobuf/descriptor.proto" package: "google.protobuf" syntax: "proto2"
        message_type { name: "MethodOptions" extension_range { start: 1000 end: 536870912 } }
        message_type { name: "ServiceOptions" extension_range { start: 1000 end: 536870912 } }
        """
    )
  }
}
