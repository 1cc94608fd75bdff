/// What all policies with options have in common: what a ``ResilienceManager`` keeps them by.
public protocol Policy: AnyObject, Sendable {
  /// The policy's settings.
  associatedtype Options: Hashable & Sendable
  /// What the policy tells of itself.
  associatedtype Stats: Hashable & Sendable & Codable

  /// The kind of this policy.
  static var kind: PolicyKind { get }

  /// A policy of this name.
  ///
  /// - Throws: ``InvalidOption`` for the first option that is out of range.
  init(name: String, options: Options, clock: PolicyClock, random: RandomSource) throws(InvalidOption)

  /// The policy's name, which stays.
  var name: String { get }
  /// The settings in force.
  var options: Options { get }
  /// The policy's figures now. Taken piece by piece while others use the policy: each is right, for its moment.
  var stats: Stats { get }
  /// What happens to the policy.
  var events: PolicyEvents { get }

  /// Replaces the settings at once, and keeps the state. A bad value changes nothing.
  ///
  /// - Throws: ``InvalidOption`` for the first option that is out of range.
  func reconfigure(_ options: Options) throws(InvalidOption)
}
