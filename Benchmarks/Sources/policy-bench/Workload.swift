/// An operation that is measured, on a policy of its own.
struct Workload: Sendable {
  /// Does the operation as many times as it is told, and throws if a policy refuses what it should admit.
  typealias Loop = @Sendable (Int) async throws -> Void

  var name: String
  var loop: Loop
  /// Asks the policy's own stats whether so many operations did what the name says.
  var verify: @Sendable (Int) throws -> Void

  init(_ name: String, verify: @escaping @Sendable (Int) throws -> Void, loop: @escaping Loop) {
    self.name = name
    self.verify = verify
    self.loop = loop
  }

  /// What is measured would not be what is said to be.
  struct Unwanted: Error {
    var what: String
  }

  /// Fails the program if something was not so.
  static func require(_ isSo: Bool, _ what: @autoclosure () -> String) throws {
    guard isSo else { throw Unwanted(what: what()) }
  }
}
