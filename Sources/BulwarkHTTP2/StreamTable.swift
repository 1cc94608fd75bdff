/// The streams of a connection by their identifiers: an open-addressing hash table for the hot path.
///
/// Every frame and every step of a call looks its stream up, several times. A `Dictionary` spends most of such a
/// look-up in SipHash, whose protection against chosen keys is not needed here: a connection has a few hundred
/// streams at most, so the longest run that a peer could provoke by choosing identifiers is as short.
///
/// Inlinable, so that the modules above get it for their own types: unspecialised, its look-ups of generic metadata
/// were 6 % of a unary call.
public struct StreamTable<Value> {
  /// Identifiers by slot; 0, which no stream of a call has, marks a free one. At least one is free.
  @usableFromInline
  var keys: [HTTP2StreamID]

  @usableFromInline
  var slots: [Value?]

  @usableFromInline
  var entries = 0

  /// How many streams are in the table.
  @inlinable
  public var count: Int { self.entries }

  @inlinable
  public init() {
    self.keys = noStreams
    self.slots = []
  }

  @inlinable
  public var isEmpty: Bool { self.entries == 0 }

  /// The values, in no order.
  @inlinable
  public var values: [Value] { self.slots.compactMap { $0 } }

  /// The identifiers, in no order.
  @inlinable
  public var identifiers: [HTTP2StreamID] { self.keys.filter { $0 != 0 } }

  @inlinable
  public subscript(id: HTTP2StreamID) -> Value? {
    get {
      self.slot(of: id).flatMap { self.slots[$0] }
    }
    set {
      if let newValue {
        self.insert(newValue, id)
      } else {
        _ = self.removeValue(forKey: id)
      }
    }
  }

  /// Removes a stream and returns its value.
  @discardableResult
  @inlinable
  public mutating func removeValue(forKey id: HTTP2StreamID) -> Value? {
    guard let slot = self.slot(of: id) else { return nil }
    let value = self.slots[slot]
    self.close(gapAt: slot)
    self.entries -= 1
    return value
  }

  @inlinable
  public mutating func removeAll() {
    self = StreamTable()
  }

  @inlinable
  var mask: Int { self.keys.count - 1 }

  /// Where a search for the identifier starts: Fibonacci hashing, since identifiers come as 1, 3, 5 and so on.
  @inlinable
  func home(of id: HTTP2StreamID) -> Int {
    Int(truncatingIfNeeded: (UInt64(UInt32(bitPattern: id)) &* 0x9E37_79B9_7F4A_7C15) >> 32) & self.mask
  }

  @inlinable
  func slot(of id: HTTP2StreamID) -> Int? {
    guard id != 0 else { return nil }
    var slot = self.home(of: id)
    while self.keys[slot] != id {
      guard self.keys[slot] != 0 else { return nil }
      slot = (slot + 1) & self.mask
    }
    return slot
  }

  @inlinable
  mutating func insert(_ value: Value, _ id: HTTP2StreamID) {
    guard id != 0 else { return }
    if let slot = self.slot(of: id) {
      self.slots[slot] = value
      return
    }
    if 2 * (self.entries + 1) > self.keys.count {
      self.grow()
    }
    var slot = self.home(of: id)
    while self.keys[slot] != 0 {
      slot = (slot + 1) & self.mask
    }
    self.keys[slot] = id
    self.slots[slot] = value
    self.entries += 1
  }

  @inlinable
  mutating func grow() {
    let (keys, slots) = (self.keys, self.slots)
    // A connection that makes one call at a time never needs more than the first four.
    let count = max(2 * keys.count, 4)
    self.keys = [HTTP2StreamID](repeating: 0, count: count)
    self.slots = [Value?](repeating: nil, count: count)
    self.entries = 0
    for (id, value) in zip(keys, slots) {
      if let value { self.insert(value, id) }
    }
  }

  /// Moves later entries of a run forward, so that searches need no tombstones.
  @inlinable
  mutating func close(gapAt start: Int) {
    var gap = start
    var next = (gap + 1) & self.mask
    while self.keys[next] != 0 {
      let home = self.home(of: self.keys[next])
      // The entry may move if its home does not lie between the gap and where it stands, cyclically.
      if (next - home) & self.mask >= (next - gap) & self.mask {
        self.keys[gap] = self.keys[next]
        self.slots[gap] = self.slots[next]
        gap = next
      }
      next = (next + 1) & self.mask
    }
    self.keys[gap] = 0
    self.slots[gap] = nil
  }
}

/// The one free slot of every empty table: made once, so that a connection pays for a table when it has streams for it.
@usableFromInline
let noStreams: [HTTP2StreamID] = [0]
