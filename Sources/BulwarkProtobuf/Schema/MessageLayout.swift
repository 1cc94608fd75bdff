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

  /// The `ScanTable`.
  let table: UnsafeRawPointer

  /// The full name of the message type.
  public let name: StaticString

  init(
    descriptor: UnsafeRawPointer,
    byteCount: Int,
    scanTable: UnsafePointer<ScanTable>,
    name: StaticString
  ) {
    self.descriptor = descriptor
    self.byteCount = byteCount
    self.table = UnsafeRawPointer(scanTable)
    self.name = name
  }

  var scanTable: UnsafePointer<ScanTable> { self.table.assumingMemoryBound(to: ScanTable.self) }
}
