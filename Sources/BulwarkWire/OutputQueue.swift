/// What a connection wants done, oldest first.
///
/// A deque copies what is appended to it, with a count for each thing that it refers to, three for a call; an array is given
/// it. The array begins anew when all has been taken, as it is after each input.
struct OutputQueue<Output> {
  /// Room for more than these is not kept.
  private static var maxKept: Int { 64 }

  private var outputs: [Output?] = []
  private var takenCount = 0

  var isEmpty: Bool { self.takenCount == self.outputs.count }

  mutating func append(_ output: consuming Output) {
    self.outputs.append(.some(output))
  }

  mutating func popFirst() -> Output? {
    guard !self.isEmpty else { return nil }
    var first: Output?
    swap(&first, &self.outputs[self.takenCount])
    self.takenCount += 1
    if self.isEmpty {
      self.outputs.removeAll(keepingCapacity: self.outputs.capacity <= Self.maxKept)
      self.takenCount = 0
    }
    return first
  }
}
