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
    // The places are those that both sides were given with their bytes, so they lie within them.
    return self.bytes.withUnsafeBytes { kept in
      session.fields.bytes.withUnsafeBytes { received in
        for (index, field) in self.fields.enumerated() {
          let other = session.fields.fields[block.lowerBound + index]
          let isException = index == exception
          guard field.name.count == other.name.count, isException || field.value.count == other.value.count
          else {
            return false
          }
          // A value follows its name: one comparison for both.
          let end = isException ? field.name.upperBound : field.value.upperBound
          guard Self.isSame(kept[field.name.lowerBound..<end], as: received, at: other.name.lowerBound) else {
            return false
          }
        }
        return true
      }
    }
  }

  private static func isSame(
    _ bytes: Slice<UnsafeRawBufferPointer>,
    as others: UnsafeRawBufferPointer,
    at start: Int
  ) -> Bool {
    guard !bytes.isEmpty else { return true }
    let (kept, received) = (UnsafeRawBufferPointer(rebasing: bytes), others[start..<start + bytes.count])
    guard let left = kept.baseAddress, let right = UnsafeRawBufferPointer(rebasing: received).baseAddress
    else {
      return false
    }
    return memcmp(left, right, kept.count) == 0
  }
}
