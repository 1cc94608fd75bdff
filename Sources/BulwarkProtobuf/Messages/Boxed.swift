/// A value held behind a reference, with the semantics of the value.
///
/// Generated code holds a field in it whose type contains the message itself: a struct cannot hold itself inline.
@frozen
public indirect enum Boxed<Value> {
  /// The value.
  case value(Value)

  /// Puts a value behind a reference; nil stays nil.
  @inlinable
  public init?(_ value: Value?) {
    guard let value else { return nil }
    self = .value(value)
  }

  /// The value.
  @inlinable
  public var value: Value {
    switch self {
    case .value(let value): value
    }
  }
}

extension Boxed: Sendable where Value: Sendable {}
extension Boxed: Equatable where Value: Equatable {}
extension Boxed: Hashable where Value: Hashable {}
