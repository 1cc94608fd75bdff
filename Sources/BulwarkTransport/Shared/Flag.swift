import Synchronization

/// Something that happens once and is asked about from any thread.
///
/// A class of its own around the atomic: a module that imports a public class must know the layout of its fields,
/// and with internal imports it does not know that of `Synchronization`'s types.
final class Flag: Sendable {
  private let value = Atomic(false)

  var isSet: Bool { self.value.load(ordering: .acquiring) }

  /// Sets the flag; false if it was set before.
  func set() -> Bool { !self.value.exchange(true, ordering: .acquiringAndReleasing) }
}
