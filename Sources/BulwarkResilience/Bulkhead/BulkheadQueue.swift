/// The waiters of a bulkhead: a list for each priority in the order of arrival, linked through one array, so that
/// anyone can leave from anywhere at once, and a place is used again.
struct BulkheadQueue<Waiter: Sendable>: Sendable {
  /// One who waits.
  struct Entry: Sendable {
    let waiter: Waiter
    let weight: Int
    let priority: BulkheadPriority
    /// When it began to wait.
    let since: Int64
    /// The caller's own deadline.
    let deadline: Int64?
    /// When it leaves unserved: the deadline, or before it the end of the longest wait allowed.
    let limit: Int64?
  }

  /// Names an entry for as long as it waits, and nothing after that.
  struct ID: Hashable, Sendable {
    fileprivate let index: Int
    fileprivate let generation: UInt64
  }

  private struct Slot: Sendable {
    var entry: Entry?
    var generation: UInt64 = 0
    var older: Int?
    var newer: Int?
  }

  private struct Ends: Sendable {
    var oldest: Int?
    var newest: Int?
  }

  private var slots: [Slot] = []
  private var unused: [Int] = []
  private var ends: InlineArray<3, Ends> = .init(repeating: Ends())

  /// How many wait.
  private(set) var count = 0

  /// Whether anybody of this priority waits.
  func isWaiting(_ priority: BulkheadPriority) -> Bool {
    self.ends[priority.rawValue].oldest != nil
  }

  /// The one of this priority that has waited longest.
  func oldest(_ priority: BulkheadPriority) -> (id: ID, entry: Entry)? {
    self.at(self.ends[priority.rawValue].oldest)
  }

  /// The one of this priority that came last.
  func newest(_ priority: BulkheadPriority) -> (id: ID, entry: Entry)? {
    self.at(self.ends[priority.rawValue].newest)
  }

  /// Everyone of this priority, the oldest first.
  func all(_ priority: BulkheadPriority) -> [(id: ID, entry: Entry)] {
    var found: [(id: ID, entry: Entry)] = []
    var index = self.ends[priority.rawValue].oldest
    while let here = self.at(index) {
      found.append(here)
      index = self.slots[here.id.index].newer
    }
    return found
  }

  /// When the one who has waited longest, of any priority, began.
  var oldestSince: Int64? {
    BulkheadPriority.descending.compactMap { self.oldest($0)?.entry.since }.min()
  }

  private func at(_ index: Int?) -> (id: ID, entry: Entry)? {
    guard let index, let entry = self.slots[index].entry else { return nil }
    return (ID(index: index, generation: self.slots[index].generation), entry)
  }

  /// Puts one at the new end of its priority.
  mutating func append(_ entry: Entry) -> ID {
    let index: Int
    if let free = self.unused.popLast() {
      index = free
    } else {
      index = self.slots.count
      self.slots.append(Slot())
    }
    let priority = entry.priority.rawValue
    let newest = self.ends[priority].newest
    self.slots[index].entry = entry
    self.slots[index].older = newest
    self.slots[index].newer = nil
    if let newest { self.slots[newest].newer = index } else { self.ends[priority].oldest = index }
    self.ends[priority].newest = index
    self.count += 1
    return ID(index: index, generation: self.slots[index].generation)
  }

  /// Takes one out; `nil` if it does not wait any more.
  mutating func remove(_ id: ID) -> Entry? {
    guard self.slots[id.index].generation == id.generation, let entry = self.slots[id.index].entry else {
      return nil
    }
    let priority = entry.priority.rawValue
    let (older, newer) = (self.slots[id.index].older, self.slots[id.index].newer)
    if let older { self.slots[older].newer = newer } else { self.ends[priority].oldest = newer }
    if let newer { self.slots[newer].older = older } else { self.ends[priority].newest = older }
    self.slots[id.index].entry = nil
    self.slots[id.index].generation &+= 1
    self.unused.append(id.index)
    self.count -= 1
    return entry
  }
}
