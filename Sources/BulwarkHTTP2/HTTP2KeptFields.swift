#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A copy of a header block, for later blocks to be compared with.
public struct HTTP2KeptFields {
  private var bytes: [UInt8] = []
  private var fields: [HTTP2Field] = []

  /// Keeps nothing; no block is the same.
  public init() {}

  /// Keeps the block whose fields are these, as ``HTTP2Event/headers(stream:fields:kind:endStream:)`` says, in place of the
  /// one that was kept.
  public mutating func keep(_ block: Range<Int>, of session: HTTP2Session) {
    self.bytes.removeAll(keepingCapacity: true)
    self.fields.removeAll(keepingCapacity: true)
    for index in block {
      let field = session.field(index)
      self.fields.append(
        HTTP2Field(start: self.bytes.count, nameCount: field.name.count, valueCount: field.value.count)
      )
      self.bytes.append(contentsOf: session.fields.bytes[field.name.lowerBound..<field.value.upperBound])
    }
  }

  /// Whether a block has the same fields in the same order. Of the field at `exception` the value may be any.
  public func areThose(of block: Range<Int>, of session: HTTP2Session, exceptValueAt exception: Int?) -> Bool
  {
    guard !block.isEmpty, block.count == self.fields.count, block.upperBound <= session.fields.fields.count
    else {
      return false
    }
    let others = session.fields.fields[block]
    for (index, (field, other)) in zip(self.fields, others).enumerated() {
      guard field.name.count == other.name.count, index == exception || field.value.count == other.value.count
      else { return false }
    }
    // Names and values follow each other, so one comparison does for all of them, or two around the exception.
    guard let exception, self.fields.indices.contains(exception) else {
      return self.isSame(0..<self.bytes.count, at: others[block.lowerBound].name.lowerBound, of: session)
    }
    let end = self.fields[exception].name.upperBound, next = self.fields[exception].value.upperBound
    return self.isSame(0..<end, at: others[block.lowerBound].name.lowerBound, of: session)
      && self.isSame(
        next..<self.bytes.count,
        at: others[block.lowerBound + exception].value.upperBound,
        of: session
      )
  }

  /// Whether the bytes of these places are those that the session has received there.
  private func isSame(_ places: Range<Int>, at start: Int, of session: HTTP2Session) -> Bool {
    self.bytes.withUnsafeBytes { kept in
      session.fields.bytes.withUnsafeBytes { received in
        guard start + places.count <= received.count else { return false }
        let left = UnsafeRawBufferPointer(rebasing: kept[places])
        let right = UnsafeRawBufferPointer(rebasing: received[start..<start + places.count])
        guard let left = left.baseAddress, let right = right.baseAddress else { return true }
        return memcmp(left, right, places.count) == 0
      }
    }
  }
}
