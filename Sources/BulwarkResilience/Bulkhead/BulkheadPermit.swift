/// The right to use a ``Bulkhead``, for those who hold it across scopes; ``Bulkhead/run(weight:priority:deadline:_:)``
/// needs none.
///
/// It cannot be copied, and goes back exactly once: when it is released, or else at the end of its life. It keeps what
/// it goes back to alive, and may be handed to another thread.
public struct BulkheadPermit: ~Copyable, Sendable {
  /// How many of the bulkhead's permits it stands for.
  public let weight: Int
  private let anchor: Anchor

  /// What a permit holds. Each thread has one of four, for counting the references to the bulkhead itself would have
  /// all cores write to the same memory.
  final class Anchor: Sendable {
    private let core: BulkheadCore
    // Else the counts of two anchors would share a cache line after all.
    private let padding: InlineArray<13, UInt64> = .init(repeating: 0)

    init(_ core: BulkheadCore) {
      self.core = core
    }

    // Not inlined: while the permit's end lets go of the anchor, the core would be retained for the call.
    @inline(never)
    func release(_ weight: Int) {
      self.core.release(weight)
    }
  }

  init(weight: Int, anchor: Anchor) {
    self.weight = weight
    self.anchor = anchor
  }

  /// Gives it back now.
  public consuming func release() {}

  deinit {
    self.anchor.release(self.weight)
  }
}
