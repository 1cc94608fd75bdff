import CNghttp2

/// A header list to be sent: one flat array of bytes.
///
/// A list that does not change is best made once and kept: sending it copies nothing but the reference.
/// Names must be lower case, pseudo-header fields first, and no field may be one that HTTP/2 forbids
/// (RFC 9113, section 8.2); what breaks these rules is refused by the peer, not here.
public struct HTTP2FieldList: Hashable, Sendable {
  /// What stands before the bytes of a field in the array: in it and not in an array of its own, so that a copy of the
  /// list counts one reference.
  private struct Prefix {
    static let byteCount = 9

    var nameCount: Int
    var valueCount: Int
    var neverIndex: Bool

    var byteCount: Int { self.nameCount + self.valueCount }

    func write(at start: Int, in bytes: inout [UInt8]) {
      for index in 0..<4 {
        bytes[start + index] = UInt8(truncatingIfNeeded: self.nameCount >> (8 * index))
        bytes[start + 4 + index] = UInt8(truncatingIfNeeded: self.valueCount >> (8 * index))
      }
      bytes[start + 8] = self.neverIndex ? 1 : 0
    }

    static func read(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Prefix {
      let raw = UnsafeRawBufferPointer(bytes)
      return Prefix(
        nameCount: Int(UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt32.self))),
        valueCount: Int(UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self))),
        neverIndex: raw[start + 8] != 0
      )
    }
  }

  private var bytes: [UInt8] = []

  /// The number of fields.
  public private(set) var count = 0

  /// An empty list.
  public init() {}

  /// The size that RFC 9113, section 6.5.2, gives the list, in bytes: name, value and 32 for each field.
  public var listSize: Int { self.bytes.count + (32 - Prefix.byteCount) * self.count }

  /// Appends a field. `neverIndex` keeps it out of every compression table: for secrets, and for values that
  /// are different each time and would only push others out. A list does not grow above 4 GiB, which no peer would take.
  public mutating func add(
    name: some HTTP2FieldText,
    value: some HTTP2FieldText,
    neverIndex: Bool = false
  ) {
    let prefix = self.bytes.count
    let start = prefix + Prefix.byteCount
    self.bytes.append(contentsOf: repeatElement(0, count: Prefix.byteCount))
    name.appendFieldBytes(to: &self.bytes)
    let nameCount = self.bytes.count - start
    value.appendFieldBytes(to: &self.bytes)
    let valueCount = self.bytes.count - start - nameCount
    guard self.bytes.count <= UInt32.max else { return self.bytes.removeSubrange(prefix...) }
    Prefix(nameCount: nameCount, valueCount: valueCount, neverIndex: neverIndex).write(
      at: prefix,
      in: &self.bytes
    )
    self.count += 1
  }

  /// The bytes of all fields, and where each stands in them: the list as its receiver would find it.
  package var received: (fields: [HTTP2Field], bytes: ArraySlice<UInt8>) {
    let fields = self.bytes.withUnsafeBufferPointer { bytes in
      var start = 0
      return (0..<self.count).map { _ in
        let prefix = Prefix.read(bytes, at: start)
        let field = start + Prefix.byteCount
        start = field + prefix.byteCount
        return HTTP2Field(start: field, nameCount: prefix.nameCount, valueCount: prefix.valueCount)
      }
    }
    return (fields, self.bytes[...])
  }

  /// Calls `body` with the list as nghttp2 wants it. The pointers live no longer than the call: nghttp2 copies
  /// what it is handed, since no flag says otherwise.
  func withNameValues<Result>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result) -> Result {
    self.bytes.withUnsafeBufferPointer { storage in
      guard let base = storage.baseAddress else { return body(nil, 0) }
      return withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: self.count) { list in
        var start = 0
        for index in list.indices {
          let prefix = Prefix.read(storage, at: start)
          start += Prefix.byteCount
          // nghttp2 takes mutable pointers by history; it does not write through them.
          let name = UnsafeMutablePointer(mutating: base + start)
          let flag = prefix.neverIndex ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
          list.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: name,
              value: name + prefix.nameCount,
              namelen: prefix.nameCount,
              valuelen: prefix.valueCount,
              flags: UInt8(truncatingIfNeeded: flag.rawValue)
            )
          )
          start += prefix.byteCount
        }
        return body(UnsafePointer(list.baseAddress), list.count)
      }
    }
  }
}
