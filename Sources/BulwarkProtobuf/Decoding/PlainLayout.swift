/// The memory that a plain message is laid out in while it is scanned: one whose fields, and those of the messages
/// below it, are all known and regular.
///
/// It hands out a block from its start to its end. When the block is used up it hands out no more, and adds up what a
/// large enough one would need.
struct PlainLayout {
  /// What is handed out next; nil if nothing is.
  private(set) var next: UnsafeMutableRawPointer?
  private var remaining: Int

  /// The memory that was asked for, never less than what is handed out.
  private(set) var needed = 0

  /// - Parameter block: memory that begins at a multiple of 8.
  init(_ block: UnsafeMutableRawBufferPointer) {
    self.next = block.baseAddress
    self.remaining = block.count
  }

  /// Lays nothing out.
  init() {
    self.next = nil
    self.remaining = 0
  }

  /// Whether everything that was asked for was handed out.
  var isWhole: Bool { self.next != nil }

  /// A message of which all fields are absent; nil if there is no room, and from then on.
  @inline(__always)
  mutating func message(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let message = self.allocate(byteCount)
    message?.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    return message
  }

  /// Memory that is not initialized, of a size that is a multiple of 8; nil if there is no room, and from then on.
  @inline(__always)
  mutating func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    self.needed &+= byteCount
    guard let start = self.next else { return nil }
    guard byteCount <= self.remaining else {
      self.next = nil
      return nil
    }
    self.next = start + byteCount
    self.remaining &-= byteCount
    return start
  }

  /// Hands out nothing from now on, because the message is not plain.
  mutating func abandon() { self.next = nil }
}
