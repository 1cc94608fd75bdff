/// Writes the fields of a message into the memory that libprotobuf-c packs. For generated code, which knows the
/// offsets.
///
/// A writer is valid while the function that it was passed to runs. It writes into memory that is laid out after
/// the same ``MessageSchema`` that the offsets come from, so what is written lies within the message.
@frozen
public struct MessageWriter {
  @usableFromInline
  let base: UnsafeMutableRawPointer
  @usableFromInline
  let arena: UnsafeMutablePointer<EncodingArena>

  /// Lays out a message of which all fields are absent.
  @inlinable
  init(_ layout: MessageLayout, _ arena: UnsafeMutablePointer<EncodingArena>) {
    self.arena = arena
    arena.pointee.overhead &+= layout.packedLimit
    self.base = arena.pointee.allocate(layout.byteCount)
    self.base.initializeMemory(as: UInt8.self, repeating: 0, count: layout.byteCount)
    self.store(layout.descriptor, at: 0)
  }

  @inlinable
  func store<Value: BitwiseCopyable>(_ value: Value, at offset: Int) {
    self.base.storeBytes(of: value, toByteOffset: offset, as: Value.self)
  }

  /// Makes room for the elements of a repeated field.
  @inlinable
  func elements<Element>(_ type: Element.Type, count: Int, at offset: Int) -> UnsafeMutablePointer<Element> {
    // A tag and a varint for each, if the field is not packed.
    self.arena.pointee.overhead &+= count &* 15
    let elements = self.arena.pointee.allocate(count &* MemoryLayout<Element>.stride)
      .bindMemory(to: type, capacity: count)
    self.store(count, at: offset)
    self.store(elements, at: offset + 8)
    return elements
  }

  // MARK: - Numbers, booleans, enumerations

  /// A singular field.
  @inlinable
  public func scalar(_ value: some ProtobufScalar, at offset: Int) {
    self.store(value.stored, at: offset)
  }

  /// A field that is written whatever its value is.
  @inlinable
  public func scalar(_ value: some ProtobufScalar, at offset: Int, presence: Int) {
    self.store(value.stored, at: offset)
    self.store(Int32(1), at: presence)
  }

  /// A field with presence.
  @inlinable
  public func optionalScalar(_ value: (some ProtobufScalar)?, at offset: Int, presence: Int) {
    if let value { self.scalar(value, at: offset, presence: presence) }
  }

  /// A floating-point field without presence: only positive zero is its default, -0.0 is written.
  @inlinable
  public func nonzeroScalar(_ value: Double, at offset: Int, presence: Int) {
    if value.bitPattern != 0 { self.scalar(value, at: offset, presence: presence) }
  }

  /// A floating-point field without presence: only positive zero is its default, -0.0 is written.
  @inlinable
  public func nonzeroScalar(_ value: Float, at offset: Int, presence: Int) {
    if value.bitPattern != 0 { self.scalar(value, at: offset, presence: presence) }
  }

  /// A repeated field.
  @inlinable
  public func scalars<Value: ProtobufScalar>(_ values: [Value], at offset: Int) {
    guard !values.isEmpty else { return }
    let elements = self.elements(Value.Stored.self, count: values.count, at: offset)
    for index in values.indices {
      (elements + index).initialize(to: values[index].stored)
    }
  }

  // MARK: - Bytes and strings

  /// A singular field.
  @inlinable
  public func bytes(_ value: [UInt8], at offset: Int) {
    let value = Self.reference(to: value)
    self.arena.pointee.payload &+= value.count
    self.store(value, at: offset)
  }

  /// A field that is written whatever its value is.
  @inlinable
  public func bytes(_ value: [UInt8], at offset: Int, presence: Int) {
    self.bytes(value, at: offset)
    self.store(Int32(1), at: presence)
  }

  /// A field with presence.
  @inlinable
  public func optionalBytes(_ value: [UInt8]?, at offset: Int, presence: Int) {
    if let value { self.bytes(value, at: offset, presence: presence) }
  }

  /// A repeated field.
  @inlinable
  public func bytesList(_ values: [[UInt8]], at offset: Int) {
    guard !values.isEmpty else { return }
    let elements = self.elements(BinaryData.self, count: values.count, at: offset)
    var payload = 0
    values.withUnsafeBufferPointer { values in
      for index in values.indices {
        let value = Self.reference(to: values[index])
        payload &+= value.count
        (elements + index).initialize(to: value)
      }
    }
    self.arena.pointee.payload &+= payload
  }

  /// A singular field.
  @inlinable
  public func string(_ value: String, at offset: Int) {
    self.store(self.copy(value), at: offset)
  }

  /// A field that is written whatever its value is.
  @inlinable
  public func string(_ value: String, at offset: Int, presence: Int) {
    self.string(value, at: offset)
    self.store(Int32(1), at: presence)
  }

  /// A field with presence.
  @inlinable
  public func optionalString(_ value: String?, at offset: Int, presence: Int) {
    if let value { self.string(value, at: offset, presence: presence) }
  }

  /// A repeated field.
  @inlinable
  public func strings(_ values: [String], at offset: Int) {
    guard !values.isEmpty else { return }
    let elements = self.elements(BinaryData.self, count: values.count, at: offset)
    for index in values.indices {
      (elements + index).initialize(to: self.copy(values[index]))
    }
  }

  /// The bytes where they are.
  ///
  /// The address outlives the closure that it comes from, and stays valid until the message is packed: an array of
  /// bytes keeps them in one object on the heap, which does not move and does not change while a reference to it is
  /// held, and the message that is being written holds one. It is borrowed until packing is over.
  @inlinable
  static func reference(to value: [UInt8]) -> BinaryData {
    value.withUnsafeBufferPointer { BinaryData(count: $0.count, start: $0.baseAddress) }
  }

  @inlinable
  func copy(_ value: String) -> BinaryData {
    var value = value
    return value.withUTF8 { self.copy($0) }
  }

  @inlinable
  func copy(_ bytes: UnsafeBufferPointer<UInt8>) -> BinaryData {
    guard let source = bytes.baseAddress, !bytes.isEmpty else { return BinaryData(count: 0, start: nil) }
    self.arena.pointee.payload &+= bytes.count
    let start = self.arena.pointee.allocate(bytes.count).bindMemory(to: UInt8.self, capacity: bytes.count)
    start.initialize(from: source, count: bytes.count)
    return BinaryData(count: bytes.count, start: start)
  }
}
