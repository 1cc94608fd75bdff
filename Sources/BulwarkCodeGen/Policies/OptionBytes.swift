import SwiftProtobuf

/// The fields of a message in its bytes, by their numbers, for a message that there is only a descriptor of.
///
/// protoc hands over the options that it does not know itself as bytes, and may write one message in several parts,
/// which are one after the other that message.
struct OptionBytes {
  /// A field's value, as its wire type has it.
  enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
    case fixed32(UInt32)
  }

  private(set) var fields: [Int32: [Value]] = [:]

  /// The options that are set and not among those of google/protobuf/descriptor.proto.
  init(_ unknown: UnknownStorage) throws(GeneratorError) {
    try self.init([UInt8](unknown.data)[...])
  }

  init(_ bytes: ArraySlice<UInt8>) throws(GeneratorError) {
    var rest = bytes
    while !rest.isEmpty {
      let key = try Self.varint(&rest)
      guard let number = Int32(exactly: key >> 3) else { throw Self.broken }
      let value: Value =
        switch key & 7 {
        case 0: .varint(try Self.varint(&rest))
        case 1: .fixed64(try Self.fixed(8, &rest))
        case 2: .bytes(try Self.bytes(try Self.varint(&rest), &rest))
        case 5: .fixed32(UInt32(truncatingIfNeeded: try Self.fixed(4, &rest)))
        default: throw Self.broken
        }
      self.fields[number, default: []].append(value)
    }
  }

  /// The bytes of a field that is a message, its parts joined; nil if it is not set.
  func message(_ number: Int32) -> ArraySlice<UInt8>? {
    guard let parts = self.fields[number] else { return nil }
    var joined: [UInt8] = []
    for case .bytes(let part) in parts { joined += part }
    return joined[...]
  }

  /// The numbers of a repeated field of integers or enumerators, packed or not.
  func integers(_ number: Int32) throws(GeneratorError) -> [UInt64] {
    var integers: [UInt64] = []
    for value in self.fields[number] ?? [] {
      switch value {
      case .varint(let integer): integers.append(integer)
      case .bytes(var packed): while !packed.isEmpty { integers.append(try Self.varint(&packed)) }
      case .fixed64, .fixed32: throw Self.broken
      }
    }
    return integers
  }

  // MARK: - Wire format

  private static let broken = GeneratorError(description: "protoc passed options that are not protobuf")

  private static func varint(_ rest: inout ArraySlice<UInt8>) throws(GeneratorError) -> UInt64 {
    var result: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard let byte = rest.popFirst() else { break }
      result |= UInt64(byte & 0x7f) << UInt64(shift)
      if byte & 0x80 == 0 { return result }
    }
    throw Self.broken
  }

  private static func bytes(
    _ count: UInt64,
    _ rest: inout ArraySlice<UInt8>
  ) throws(GeneratorError) -> ArraySlice<UInt8> {
    guard count <= rest.count else { throw Self.broken }
    defer { rest = rest.dropFirst(Int(count)) }
    return rest.prefix(Int(count))
  }

  private static func fixed(_ count: UInt64, _ rest: inout ArraySlice<UInt8>) throws(GeneratorError) -> UInt64
  {
    try Self.bytes(count, &rest).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
