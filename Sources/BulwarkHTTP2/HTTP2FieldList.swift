import CNghttp2

/// A header list to be sent: one flat array of bytes, and where each field lies in it.
///
/// A list that does not change is best made once and kept: sending it copies nothing but the reference.
/// Names must be lower case, pseudo-header fields first, and no field may be one that HTTP/2 forbids
/// (RFC 9113, section 8.2); what breaks these rules is refused by the peer, not here.
public struct HTTP2FieldList: Hashable, Sendable {
  private struct Entry: Hashable, Sendable {
    var start: Int
    var nameCount: Int
    var valueCount: Int
    var neverIndex: Bool
  }

  private var bytes: [UInt8] = []
  private var entries: [Entry] = []

  /// An empty list.
  public init() {}

  /// The number of fields.
  public var count: Int { self.entries.count }

  /// The size that RFC 9113, section 6.5.2, gives the list, in bytes: name, value and 32 for each field.
  public var listSize: Int { self.bytes.count + 32 * self.entries.count }

  /// Appends a field. `neverIndex` keeps it out of every compression table: for secrets, and for values that
  /// are different each time and would only push others out.
  public mutating func add(
    name: some HTTP2FieldText,
    value: some HTTP2FieldText,
    neverIndex: Bool = false
  ) {
    let start = self.bytes.count
    name.appendFieldBytes(to: &self.bytes)
    let nameCount = self.bytes.count - start
    value.appendFieldBytes(to: &self.bytes)
    self.entries.append(
      Entry(
        start: start,
        nameCount: nameCount,
        valueCount: self.bytes.count - start - nameCount,
        neverIndex: neverIndex
      )
    )
  }

  /// Makes room for so many fields and bytes at once.
  public mutating func reserve(fields: Int, bytes: Int) {
    self.entries.reserveCapacity(fields)
    self.bytes.reserveCapacity(bytes)
  }

  /// The bytes of all fields, and where each stands in them: the list as its receiver would find it.
  package var received: (fields: [HTTP2Field], bytes: [UInt8]) {
    let fields = self.entries.map {
      HTTP2Field(start: $0.start, nameCount: $0.nameCount, valueCount: $0.valueCount)
    }
    return (fields, self.bytes)
  }

  /// Calls `body` with the list as nghttp2 wants it. The pointers live no longer than the call: nghttp2 copies
  /// what it is handed, since no flag says otherwise.
  func withNameValues<Result>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result) -> Result {
    self.bytes.withUnsafeBufferPointer { storage in
      guard let base = storage.baseAddress else { return body(nil, 0) }
      return withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: self.entries.count) { list in
        for (index, entry) in self.entries.enumerated() {
          // nghttp2 takes mutable pointers by history; it does not write through them.
          let name = UnsafeMutablePointer(mutating: base + entry.start)
          let flag = entry.neverIndex ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
          list.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: name,
              value: name + entry.nameCount,
              namelen: entry.nameCount,
              valuelen: entry.valueCount,
              flags: UInt8(truncatingIfNeeded: flag.rawValue)
            )
          )
        }
        return body(UnsafePointer(list.baseAddress), list.count)
      }
    }
  }
}
