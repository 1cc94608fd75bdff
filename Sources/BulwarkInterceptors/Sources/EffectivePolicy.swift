public import BulwarkCore

/// What a method is protected by in the end, and where each value of it comes from.
public struct EffectivePolicy: Hashable, Sendable {
  /// Where a value comes from.
  public struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// The source: `consensus.proto`, `code`, `policies.yaml`.
    public var source: String
    /// What the annotation in that source is for.
    public var selector: PolicySelector

    public var description: String { "\(self.source) (\(self.selector))" }
  }

  /// The method.
  public private(set) var method: MethodDescriptor
  /// What holds.
  public private(set) var policy = MethodPolicy()
  /// Where it comes from, by key.
  public private(set) var origins: [String: Origin] = [:]

  /// The position of each value's source, from 0 for the highest precedence.
  private(set) var ranks: [String: Int] = [:]

  /// Joins the sources, the one of the highest precedence first. Within a source the most specific selector counts first;
  /// each value is taken from the first that sets it.
  public init(of method: MethodDescriptor, from sources: [PolicySet]) {
    self.method = method
    for (rank, source) in sources.enumerated() {
      for (selector, annotation) in source.annotations(for: method) {
        for field in MethodPolicy.fields where field.isSet(annotation) && self.origins[field.key] == nil {
          field.copy(annotation, &self.policy)
          self.ranks[field.key] = rank
          self.origins[field.key] = Origin(source: source.source, selector: selector)
        }
      }
    }
  }

  /// The same for another method that the same annotations are for.
  func applied(to method: MethodDescriptor) -> EffectivePolicy {
    var copy = self
    copy.method = method
    return copy
  }

  /// Sets a value that another method gives for all that share a policy with it.
  mutating func take(_ key: String, from origin: Origin, _ set: (inout MethodPolicy) -> Void) {
    set(&self.policy)
    self.origins[key] = origin
  }

  /// One line for each value that is set: key, value, origin.
  public var lines: [(key: String, value: String, origin: Origin)] {
    MethodPolicy.fields.compactMap { field in
      guard let value = field.text(self.policy), let origin = self.origins[field.key] else { return nil }
      return (key: field.key, value: value, origin: origin)
    }
  }
}
