package import BulwarkCore

/// The deadlines of all calls of a connection, so that one scheduled callback serves them all.
///
/// A binary heap from which ended calls are removed lazily: an entry whose call is gone is dropped when it
/// comes up, or when more than half of the heap is such entries. Insertion costs O(log n), removal O(1)
/// amortised.
package struct DeadlineTable<Key: Hashable> {
  private var heap: [(instant: MonotonicInstant, key: Key)] = []
  private var deadlines: [Key: MonotonicInstant] = [:]

  package init() {}

  /// How many calls have a deadline.
  package var count: Int { self.deadlines.count }

  /// The earliest deadline.
  package var earliest: MonotonicInstant? {
    mutating get {
      self.dropStale()
      return self.heap.first?.instant
    }
  }

  package mutating func insert(_ key: Key, at instant: MonotonicInstant) {
    self.deadlines[key] = instant
    self.heap.append((instant, key))
    self.siftUp(from: self.heap.count - 1)
  }

  package mutating func remove(_ key: Key) {
    guard self.deadlines.removeValue(forKey: key) != nil else { return }
    guard self.heap.count > 64, self.heap.count > 2 * self.deadlines.count else { return }
    self.heap = self.heap.filter { self.deadlines[$0.key] == $0.instant }
    self.heap.sort { $0.instant < $1.instant }
  }

  /// Removes and returns a call whose deadline is not later than now.
  package mutating func popExpired(now: MonotonicInstant) -> Key? {
    self.dropStale()
    guard let first = self.heap.first, first.instant <= now else { return nil }
    self.popFirst()
    self.deadlines.removeValue(forKey: first.key)
    return first.key
  }

  private mutating func dropStale() {
    while let first = self.heap.first, self.deadlines[first.key] != first.instant {
      self.popFirst()
    }
  }

  private mutating func popFirst() {
    let last = self.heap.removeLast()
    guard !self.heap.isEmpty else { return }
    self.heap[0] = last
    self.siftDown(from: 0)
  }

  private mutating func siftUp(from start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard self.heap[child].instant < self.heap[parent].instant else { return }
      self.heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func siftDown(from start: Int) {
    var parent = start
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < self.heap.count {
        if self.heap[child].instant < self.heap[smallest].instant { smallest = child }
      }
      guard smallest != parent else { return }
      self.heap.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
