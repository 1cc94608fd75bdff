/// How a message type lies in memory: made by a ``SchemaTable``, used by generated code.
///
/// It points into memory that is written once, before the first layout is handed out, and never freed.
@frozen
public struct MessageLayout: @unchecked Sendable {
  // Sendable because nothing writes through these pointers after the table's initializer.

  /// The `ProtobufCMessageDescriptor`.
  @usableFromInline
  let descriptor: UnsafeRawPointer

  /// The bytes of the message itself.
  @usableFromInline
  let byteCount: Int

  /// The most bytes that the message takes when it is packed, without the values of its strings and bytes and
  /// without the elements of its repeated fields: a tag of 5 bytes and a varint of 10 for each field.
  @usableFromInline
  let packedLimit: Int

  /// The `ScanTable`.
  let table: UnsafeRawPointer

  /// The full name of the message type.
  public let name: StaticString

  init(
    descriptor: UnsafeRawPointer,
    byteCount: Int,
    fieldCount: Int,
    scanTable: UnsafePointer<ScanTable>,
    name: StaticString
  ) {
    self.descriptor = descriptor
    self.byteCount = byteCount
    self.packedLimit = fieldCount * 15
    self.table = UnsafeRawPointer(scanTable)
    self.name = name
  }

  var scanTable: UnsafePointer<ScanTable> { self.table.assumingMemoryBound(to: ScanTable.self) }
}
