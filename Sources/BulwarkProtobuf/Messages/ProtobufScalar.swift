/// A field value that libprotobuf-c holds in four or eight bytes: numbers, booleans and enumerations.
public protocol ProtobufScalar: Hashable, Sendable {
  /// What the value is in the memory of an unpacked message.
  associatedtype Stored: BitwiseCopyable, Sendable

  /// Makes a value from what is stored.
  init(stored: Stored)

  /// What is stored for the value.
  var stored: Stored { get }
}

extension ProtobufScalar where Stored == Self {
  @inlinable
  public init(stored: Self) { self = stored }

  @inlinable
  public var stored: Self { self }
}

extension Int32: ProtobufScalar {}
extension Int64: ProtobufScalar {}
extension UInt32: ProtobufScalar {}
extension UInt64: ProtobufScalar {}
extension Float: ProtobufScalar {}
extension Double: ProtobufScalar {}

extension Bool: ProtobufScalar {
  // libprotobuf-c declares its boolean as a C int.
  @inlinable
  public init(stored: Int32) { self = stored != 0 }

  @inlinable
  public var stored: Int32 { self ? 1 : 0 }
}

/// A Protocol Buffers enumeration.
///
/// Enumerations are open, in proto2 as in proto3: a number that the schema does not name is kept and written
/// back. The default value is the one that the schema names first.
public protocol ProtobufEnum: ProtobufScalar where Stored == Int32 {
  /// Creates the schema's first value.
  init()

  /// Makes the value of a number; every number has one.
  init(rawValue: Int32)

  /// The number of the value.
  var rawValue: Int32 { get }
}

extension ProtobufEnum {
  @inlinable
  public init(stored: Int32) { self.init(rawValue: stored) }

  @inlinable
  public var stored: Int32 { self.rawValue }
}
