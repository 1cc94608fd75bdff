/// The header fields received since the last read, copied once into a flat array.
///
/// A header block may span several reads; only one is in progress at a time (RFC 9113, section 4.3), so what is
/// pending is always at the end. A block above the limits is counted on, but nothing more of it is kept: nghttp2
/// has to decode it whole for the sake of the compression state.
struct InboundFields: Sendable {
  /// What the block in progress has come to.
  struct Block: Sendable {
    var stream: HTTP2StreamID
    var firstField: Int
    var firstByte: Int
    var listSize = 0
    var fieldCount = 0
  }

  /// More room than this is not kept from one read to the next: enough for some fifty calls a read.
  private static let maxKeptBytes = 12 * 1024
  private static let maxKeptFields = 512

  private(set) var bytes: [UInt8] = []
  private(set) var fields: [HTTP2Field] = []
  private(set) var block: Block?
  let maxListSize: Int
  let maxFields: Int
  /// Whether a request has to be for an `https` resource.
  var requiresHTTPS = false

  init(limits: HTTP2Limits) {
    self.maxListSize = limits.maxHeaderListBytes
    self.maxFields = limits.maxHeaderFields
  }

  /// Forgets the blocks that were handed up, and moves the one in progress to the front.
  mutating func discardDelivered() {
    guard var block = self.block else {
      self.bytes.removeAll(keepingCapacity: true)
      self.fields.removeAll(keepingCapacity: true)
      return
    }
    let shift = block.firstByte
    self.bytes.removeFirst(shift)
    self.fields.removeFirst(block.firstField)
    for index in self.fields.indices {
      let field = self.fields[index]
      self.fields[index] = HTTP2Field(
        start: field.name.lowerBound - shift,
        nameCount: field.name.count,
        valueCount: field.value.count
      )
    }
    block.firstField = 0
    block.firstByte = 0
    self.block = block
  }

  /// What was handed up has been looked at: room that only an unusual read needs goes back.
  mutating func shrink() {
    guard self.bytes.capacity > Self.maxKeptBytes || self.fields.capacity > Self.maxKeptFields,
      self.block == nil
    else { return }
    self.bytes = []
    self.fields = []
  }

  mutating func beginBlock(stream: HTTP2StreamID) {
    self.block = Block(stream: stream, firstField: self.fields.count, firstByte: self.bytes.count)
  }

  mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
    guard var block = self.block else { return }
    // Each part is at most 64 KiB and the parts of a block are bounded by CONTINUATION frames; no overflow.
    block.listSize += name.count + value.count + 32
    block.fieldCount += 1
    if block.listSize <= self.maxListSize && block.fieldCount <= self.maxFields {
      self.fields.append(
        HTTP2Field(start: self.bytes.count, nameCount: name.count, valueCount: value.count)
      )
      self.bytes.append(addingCapacity: name.count + value.count) { bytes in
        bytes.withUnsafeMutableBufferPointer { free, count in
          _ = free.initialize(fromContentsOf: name)
          _ = free[name.count...].initialize(fromContentsOf: value)
          count = name.count + value.count
        }
      }
    }
    self.block = block
  }

  /// Forgets the block in progress, if it is this stream's: what follows of it will not be reported.
  mutating func abandonBlock(of stream: HTTP2StreamID) {
    if self.block?.stream == stream {
      _ = self.endBlock(keep: false)
    }
  }

  /// Ends the block in progress. If `keep` is false, or it is above the limits, its fields are gone.
  mutating func endBlock(keep: Bool) -> Block? {
    defer { self.block = nil }
    guard let block = self.block else { return nil }
    if !keep || self.rejection(of: block) != nil {
      self.bytes.removeSubrange(block.firstByte...)
      self.fields.removeSubrange(block.firstField...)
    }
    return block
  }

  /// The limit that a block has broken.
  func rejection(of block: Block) -> HTTP2RequestRejection? {
    if block.fieldCount > self.maxFields {
      return .tooManyFields(count: block.fieldCount, limit: self.maxFields)
    }
    if block.listSize > self.maxListSize {
      return .headerListTooLarge(bytes: block.listSize, limit: self.maxListSize)
    }
    return nil
  }

  /// Whether a response's status is 1xx. The status is its first field: the only pseudo-header field it may have
  /// (RFC 9113, section 8.3.2).
  func isInformational(_ fields: Range<Int>) -> Bool {
    guard let status = self.fields[fields].first, self.bytes[status.name].equals(":status") else {
      return false
    }
    return self.bytes[status.value].first == UInt8(ascii: "1")
  }

  /// What is wrong with a complete request's pseudo-header fields.
  func rejection(ofRequest fields: Range<Int>) -> HTTP2RequestRejection? {
    var hasScheme = false
    var hasPath = false
    for field in self.fields[fields] {
      let name = self.bytes[field.name]
      // Pseudo-header fields come first (RFC 9113, section 8.3); nghttp2 sees to it.
      guard name.first == UInt8(ascii: ":") else { break }
      if name.equals(":scheme") {
        hasScheme = RequestTarget.isSchemeValid(
          self.bytes[field.value],
          requiresHTTPS: self.requiresHTTPS
        )
      } else if name.equals(":path") {
        hasPath = RequestTarget.isPathValid(self.bytes[field.value])
      }
    }
    guard hasPath else { return .invalidPath }
    return hasScheme ? nil : .invalidScheme
  }
}
