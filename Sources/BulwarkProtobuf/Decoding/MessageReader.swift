/// Reads the fields of an unpacked message. For generated code, which knows the offsets.
///
/// A reader is valid while the function that it was passed to runs. It reads memory that was laid out after the same
/// ``MessageSchema`` that the offsets come from, so what is read lies within the message.
@frozen
public struct MessageReader {
  @usableFromInline
  let base: UnsafeRawPointer

  @inlinable
  init(_ base: UnsafeRawPointer) {
    self.base = base
  }

  @inlinable
  func load<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
    self.base.load(fromByteOffset: offset, as: type)
  }

  /// Whether the flag of a field with presence is set.
  @inlinable
  func isPresent(_ presence: Int) -> Bool { self.load(Int32.self, at: presence) != 0 }

  /// The elements of a repeated field, still in the memory of the unpacked message.
  @inlinable
  func elements<Element>(_ type: Element.Type, at offset: Int) -> UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(
      start: self.load(UnsafePointer<Element>?.self, at: offset + 8),
      count: self.load(Int.self, at: offset)
    )
  }

  // MARK: - Numbers, booleans, enumerations

  /// A singular field.
  @inlinable
  public func scalar<Value: ProtobufScalar>(at offset: Int) -> Value {
    Value(stored: self.load(Value.Stored.self, at: offset))
  }

  /// A field with presence.
  @inlinable
  public func optionalScalar<Value: ProtobufScalar>(at offset: Int, presence: Int) -> Value? {
    self.isPresent(presence) ? self.scalar(at: offset) : nil
  }

  /// A repeated field.
  @inlinable
  public func scalars<Value: ProtobufScalar>(at offset: Int) -> [Value] {
    self.elements(Value.Stored.self, at: offset).map { Value(stored: $0) }
  }

  // MARK: - Bytes and strings

  /// A singular field.
  @inlinable
  public func bytes(at offset: Int) -> [UInt8] {
    self.load(BinaryData.self, at: offset).array
  }

  /// A field with presence.
  @inlinable
  public func optionalBytes(at offset: Int, presence: Int) -> [UInt8]? {
    self.isPresent(presence) ? self.bytes(at: offset) : nil
  }

  /// A repeated field.
  @inlinable
  public func bytesList(at offset: Int) -> [[UInt8]] {
    self.elements(BinaryData.self, at: offset).map { $0.array }
  }

  /// A singular field.
  @inlinable
  public func string(at offset: Int) -> String {
    self.load(BinaryData.self, at: offset).string
  }

  /// A field with presence.
  @inlinable
  public func optionalString(at offset: Int, presence: Int) -> String? {
    self.isPresent(presence) ? self.string(at: offset) : nil
  }

  /// A repeated field.
  @inlinable
  public func strings(at offset: Int) -> [String] {
    self.elements(BinaryData.self, at: offset).map { $0.string }
  }
}

/// The `ProtobufCBinaryData` of libprotobuf-c: bytes with a length.
@frozen
@usableFromInline
struct BinaryData: BitwiseCopyable {
  @usableFromInline
  var count: Int
  @usableFromInline
  var start: UnsafePointer<UInt8>?

  @inlinable
  init(count: Int, start: UnsafePointer<UInt8>?) {
    self.count = count
    self.start = start
  }

  @inlinable
  var array: [UInt8] {
    Array(UnsafeBufferPointer(start: self.start, count: self.count))
  }

  /// The bytes as text. The scan has found them to be UTF-8, so that nothing is repaired here.
  @inlinable
  var string: String {
    String(decoding: UnsafeBufferPointer(start: self.start, count: self.count), as: UTF8.self)
  }
}
