import Testing

@testable import ConsensusService

/// A way to spoil a sound input, and the refusal that must follow.
struct WrongInput<Input>: Sendable, CustomTestStringConvertible {
  let reason: ChainRefusal.Reason
  let message: String
  let spoil: @Sendable (inout Input) -> Void

  init(
    _ message: String,
    _ reason: ChainRefusal.Reason = .invalidArgument,
    spoil: @escaping @Sendable (inout Input) -> Void
  ) {
    self.reason = reason
    self.message = message
    self.spoil = spoil
  }

  /// What the chain must answer.
  var refusal: ChainRefusal { ChainRefusal(self.reason, self.message) }

  /// The sound input, spoiled.
  func spoiling(_ input: Input) -> Input {
    var input = input
    self.spoil(&input)
    return input
  }

  var testDescription: String { self.message }
}
