/// Where a value lies, and where the flag of its presence does, if it has one.
struct Place {
  let offset: Int
  let presence: Int?
}

/// Gives the fields of a message their places in its memory.
struct MemoryPlan {
  /// The bytes so far; libprotobuf-c has the first 24.
  private var end = 24

  /// The bytes of the whole message.
  var byteCount: Int { (self.end + 7) & ~7 }

  /// Room for a value, with or without a flag before it.
  mutating func value(of type: ValueType, hasFlag: Bool) -> Place {
    let presence = hasFlag ? self.reserve(4, alignment: 4) : nil
    return Place(offset: self.reserve(type.byteCount, alignment: min(type.byteCount, 8)), presence: presence)
  }

  /// Room for a count and the address of the elements.
  mutating func elements() -> Place {
    Place(offset: self.reserve(16, alignment: 8), presence: nil)
  }

  /// Room for a case number and the largest of the members.
  mutating func oneof(of types: [ValueType]) -> Place {
    let number = self.reserve(4, alignment: 4)
    let byteCount = types.map(\.byteCount).max() ?? 0
    return Place(offset: self.reserve(max(byteCount, 8), alignment: 8), presence: number)
  }

  private mutating func reserve(_ byteCount: Int, alignment: Int) -> Int {
    let start = (self.end + alignment - 1) / alignment * alignment
    self.end = start + byteCount
    return start
  }
}
