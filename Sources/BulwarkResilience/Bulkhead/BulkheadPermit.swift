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
    let core: BulkheadCore

    init(_ core: BulkheadCore) {
      self.core = core
    }
  }

  init(weight: Int, anchor: Anchor) {
    self.weight = weight
    self.anchor = anchor
  }

  /// Gives it back now.
  public consuming func release() {}

  deinit {
    self.anchor.core.release(self.weight)
  }
}
