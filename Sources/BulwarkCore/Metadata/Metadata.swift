/// The value of a metadata pair.
public enum MetadataValue: Hashable, Sendable {
  /// Text, of a name that does not end in `-bin`.
  case text(String)
  /// Bytes, of a name that ends in `-bin`.
  case binary([UInt8])
}

/// The key-value pairs beside the messages of a call, in order, with duplicates kept.
///
/// Names are ASCII and case-insensitive; they are stored in lower case. A name that ends in `-bin` carries
/// bytes, every other name carries text. What is legal on the wire is checked when a call is sent: an illegal
/// name or value fails that call with an error that names it.
///
/// The pairs lie in one flat array, so that metadata which nobody reads costs no string per pair. None is the common case,
/// and is copied for nothing; a copy of any other metadata counts one reference.
public struct Metadata: Sendable {
  private struct Slot {
    var start: UInt32
    var nameLength: UInt32
    var valueLength: UInt32
  }

  /// `@unchecked Sendable`: it is changed by a value that holds the one reference to it, and by nobody else.
  private final class Storage: @unchecked Sendable {
    // Free of dynamic exclusivity checks: no access lasts for longer than the statement that makes it.
    @exclusivity(unchecked) var bytes: [UInt8]
    @exclusivity(unchecked) var slots: [Slot]

    init(bytes: [UInt8], slots: [Slot]) {
      self.bytes = bytes
      self.slots = slots
    }
  }

  private var storage: Storage?

  /// Creates metadata without a pair; nothing is allocated.
  public init() {}

  /// Adds a text pair after the ones that are there.
  ///
  /// The name must not end in `-bin`; if it does, the UTF-8 of the text is what the peer gets as bytes.
  public mutating func add(_ value: String, for name: String) {
    self.append(anyName: name.lowercased().utf8, value: value.utf8)
  }

  /// Adds a binary pair after the ones that are there.
  ///
  /// The name should end in `-bin`; the ending is added where it is missing, because nothing else may carry bytes.
  public mutating func add(binary value: some Collection<UInt8>, for name: String) {
    let name = name.lowercased()
    self.append(anyName: (name.hasSuffix("-bin") ? name : name + "-bin").utf8, value: value)
  }

  /// Appends a pair whose name is lower case already and whose value is in its decoded form.
  ///
  /// Not generic: the wire calls it for each header of each call, and a generic function is not specialised
  /// across modules.
  package mutating func append(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
    self.append(anyName: name, value: value)
  }

  private mutating func append(anyName name: some Collection<UInt8>, value: some Collection<UInt8>) {
    let storage = self.ownStorage()
    // 32-bit slots keep a pair small; a header list is kilobytes, and what does not fit could not be sent.
    guard let start = UInt32(exactly: storage.bytes.count), let nameLength = UInt32(exactly: name.count),
      let valueLength = UInt32(exactly: value.count)
    else { return }
    if storage.slots.isEmpty {
      storage.bytes.reserveCapacity(Swift.max(128, name.count + value.count))
    }
    storage.bytes.append(contentsOf: name)
    storage.bytes.append(contentsOf: value)
    storage.slots.append(Slot(start: start, nameLength: nameLength, valueLength: valueLength))
  }

  /// The storage, to be changed: a copy if somebody else refers to it too.
  private mutating func ownStorage() -> Storage {
    if isKnownUniquelyReferenced(&self.storage), let storage = self.storage { return storage }
    let own = Storage(bytes: self.storage?.bytes ?? [], slots: self.storage?.slots ?? [])
    self.storage = own
    return own
  }

  /// The first text value of the name, or nil.
  public subscript(name: String) -> String? {
    self.firstIndex(named: name).map { String(decoding: self.valueBytes(at: $0), as: UTF8.self) }
  }

  /// The first value of a `-bin` name, or nil.
  public subscript(binary name: String) -> [UInt8]? {
    self.firstIndex(named: name).map { Array(self.valueBytes(at: $0)) }
  }

  /// Every text value of the name, in order.
  public func values(for name: String) -> [String] {
    self.indices(named: name).map { String(decoding: self.valueBytes(at: $0), as: UTF8.self) }
  }

  /// Every value of a `-bin` name, in order.
  public func binaryValues(for name: String) -> [[UInt8]] {
    self.indices(named: name).map { Array(self.valueBytes(at: $0)) }
  }

  /// Removes every pair of the name.
  public mutating func removeAll(for name: String) {
    var kept = Metadata()
    let wanted = Array(name.lowercased().utf8)
    for index in self.indices where !self.nameBytes(at: index).elementsEqual(wanted) {
      kept.append(name: self.nameBytes(at: index), value: self.valueBytes(at: index))
    }
    self = kept
  }

  /// Adds every pair of the other metadata after the ones that are there.
  public mutating func add(contentsOf other: Metadata) {
    guard !self.isEmpty else {
      self = other
      return
    }
    for index in other.indices {
      self.append(name: other.nameBytes(at: index), value: other.valueBytes(at: index))
    }
  }

  package func nameBytes(at index: Int) -> ArraySlice<UInt8> {
    guard let storage = self.storage else { return [] }
    let slot = storage.slots[index]
    return storage.bytes[Int(slot.start)..<Int(slot.start) + Int(slot.nameLength)]
  }

  package func valueBytes(at index: Int) -> ArraySlice<UInt8> {
    guard let storage = self.storage else { return [] }
    let slot = storage.slots[index]
    let start = Int(slot.start) + Int(slot.nameLength)
    return storage.bytes[start..<start + Int(slot.valueLength)]
  }

  /// Whether this is the pair at an index.
  package func hasPair(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>, at index: Int) -> Bool {
    index < self.count && self.nameBytes(at: index) == name && self.valueBytes(at: index) == value
  }

  /// The first pairs, so many of them.
  package func firstPairs(_ count: Int) -> Metadata {
    guard count < self.count else { return self }
    var first = Metadata()
    for index in 0..<count {
      first.append(name: self.nameBytes(at: index), value: self.valueBytes(at: index))
    }
    return first
  }

  private func indices(named name: String) -> [Int] {
    let wanted = Array(name.lowercased().utf8)
    return self.indices.filter { self.nameBytes(at: $0).elementsEqual(wanted) }
  }

  private func firstIndex(named name: String) -> Int? {
    guard !self.isEmpty else { return nil }
    let wanted = Array(name.lowercased().utf8)
    return self.indices.first { self.nameBytes(at: $0).elementsEqual(wanted) }
  }
}

// MARK: - RandomAccessCollection

extension Metadata: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { self.storage?.slots.count ?? 0 }

  public var isEmpty: Bool { self.storage?.slots.isEmpty ?? true }

  public subscript(position: Int) -> (name: String, value: MetadataValue) {
    let name = String(decoding: self.nameBytes(at: position), as: UTF8.self)
    let value = self.valueBytes(at: position)
    return name.hasSuffix("-bin")
      ? (name, .binary(Array(value))) : (name, .text(String(decoding: value, as: UTF8.self)))
  }
}

// MARK: - Hashable

extension Metadata: Hashable {
  /// Equal if the same pairs stand in the same order.
  public static func == (lhs: Metadata, rhs: Metadata) -> Bool {
    lhs.storage === rhs.storage
      || lhs.count == rhs.count
        && lhs.indices.allSatisfy {
          lhs.nameBytes(at: $0) == rhs.nameBytes(at: $0) && lhs.valueBytes(at: $0) == rhs.valueBytes(at: $0)
        }
  }

  public func hash(into hasher: inout Hasher) {
    for index in self.indices {
      hasher.combine(self.nameBytes(at: index))
      hasher.combine(self.valueBytes(at: index))
    }
  }
}

// MARK: - ExpressibleByDictionaryLiteral

extension Metadata: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements {
      self.add(value, for: name)
    }
  }
}

extension Metadata: CustomStringConvertible {
  /// The names and the lengths of the values: values may be secrets, so they are not shown.
  public var description: String {
    "["
      + self.indices.map { "\(self[$0].name): \(self.valueBytes(at: $0).count) bytes" }.joined(
        separator: ", "
      ) + "]"
  }
}

extension Metadata {
  /// The length of all names and values together.
  package var byteCount: Int {
    self.storage?.bytes.count ?? 0
  }
}
