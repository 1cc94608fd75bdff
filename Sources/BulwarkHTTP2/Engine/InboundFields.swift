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

    /// Counts a field, whose name and value have so many bytes. Whether the block is within the limits with it.
    mutating func add(_ byteCount: Int, maxListSize: Int, maxFields: Int) -> Bool {
      // Each part is at most 64 KiB and the parts of a block are bounded by CONTINUATION frames; no overflow.
      self.listSize += byteCount + 32
      self.fieldCount += 1
      return self.listSize <= maxListSize && self.fieldCount <= maxFields
    }
  }

  /// More room than this is not kept from one read to the next: enough for some fifty calls a read.
  private static let maxKeptBytes = 12 * 1024
  private static let maxKeptFields = 512

  /// The bytes of the fields, as far as `byteCount`, and room for those of others: a field took 295 instructions when it made
  /// an array longer, and takes 170 where there is room.
  private var room: [UInt8] = []
  private var byteCount = 0
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

  /// The bytes of all fields.
  var bytes: ArraySlice<UInt8> { self.room[..<self.byteCount] }

  /// Forgets the blocks that were handed up, and moves the one in progress to the front.
  mutating func discardDelivered() {
    guard var block = self.block else {
      self.byteCount = 0
      self.fields.removeAll(keepingCapacity: true)
      return
    }
    let shift = block.firstByte
    let used = shift..<self.byteCount
    // No more than is used: a peer that ends one block and begins the next with each read would have all the room moved.
    self.room.withUnsafeMutableBytes { room in
      room.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[used]))
    }
    self.byteCount = used.count
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
    guard self.room.count > Self.maxKeptBytes || self.fields.capacity > Self.maxKeptFields,
      self.block == nil
    else { return }
    self.room = []
    self.byteCount = 0
    self.fields = []
  }

  mutating func beginBlock(stream: HTTP2StreamID) {
    self.block = Block(stream: stream, firstField: self.fields.count, firstByte: self.byteCount)
  }

  mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
    let count = name.count + value.count
    guard self.block?.add(count, maxListSize: self.maxListSize, maxFields: self.maxFields) ?? false else {
      return
    }
    let start = self.byteCount, middle = start + name.count, end = start + count
    self.fields.append(HTTP2Field(start: start, nameCount: name.count, valueCount: value.count))
    if end > self.room.count { self.makeRoom(for: end) }
    self.room.withUnsafeMutableBytes { room in
      UnsafeMutableRawBufferPointer(rebasing: room[start..<middle]).copyMemory(
        from: UnsafeRawBufferPointer(name)
      )
      UnsafeMutableRawBufferPointer(rebasing: room[middle..<end]).copyMemory(
        from: UnsafeRawBufferPointer(value)
      )
    }
    self.byteCount = end
  }

  /// Doubles the room, but not above what is kept from read to read as long as that is enough.
  private mutating func makeRoom(for end: Int) {
    let doubled = 2 * self.room.count
    let count = max(end, end <= Self.maxKeptBytes ? min(doubled, Self.maxKeptBytes) : doubled)
    self.room.append(contentsOf: repeatElement(0, count: count - self.room.count))
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
      self.byteCount = block.firstByte
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
