/// Whether a policy acts on what it decides.
public enum PolicyMode: String, PolicyChoice {
  /// It decides, and what it decides is done.
  case enforced
  /// It decides, counts and reports, and every call goes on as if it had agreed: for trying out a limit in production.
  case shadow
  /// It is not there, whatever a source of lower precedence says.
  case off
}

/// Whose calls share a policy.
public enum PolicyScope: String, PolicyChoice {
  /// All calls of the method, or of all methods that give the policy the same name; on a client those to one target.
  case shared
  /// All those calls that come from one peer: its verified identity, or else its address without the port. On a
  /// client, where the calls go to one target anyway, this is the same as `shared`.
  case peer
}

/// The ends of a call at which a policy stands.
public enum PolicySides: String, PolicyChoice {
  case client
  case server
  case both

  func contains(_ side: PolicySides) -> Bool { self == .both || self == side }
}

/// A field's type with a fixed set of words.
public protocol PolicyChoice: PolicyFieldValue, CaseIterable, RawRepresentable where RawValue == String {}

extension PolicyChoice {
  public static var allowed: String { Self.allCases.map(\.rawValue).joined(separator: ", ") }

  /// A word in any case; .proto files write enum values in capitals.
  public init?(policyValue: PolicyValue) {
    guard case .text(let text) = policyValue else { return nil }
    self.init(rawValue: text.lowercased())
  }

  public var policyText: String { self.rawValue }
}

/// What all policies that count calls have in common.
public protocol CountingPolicy: PolicyRecord {
  /// The name under which several methods share one policy. Each method has its own where there is none.
  var name: String? { get set }
  /// Whether it acts; ``PolicyMode/enforced`` by default.
  var mode: PolicyMode? { get set }
  /// Whose calls it counts together; ``PolicyScope/shared`` by default.
  var scope: PolicyScope? { get set }
  /// Where it stands; ``PolicySides/both`` by default.
  var sides: PolicySides? { get set }
  /// How many peers are told apart with ``PolicyScope/peer``: 1 to 1,000,000; 10,000 by default. Peers above it share
  /// one more policy of the same settings, until one that owes nothing makes room.
  var maximumPeers: Int? { get set }
}

extension CountingPolicy {
  static var commonFields: [PolicyField<Self>] {
    [
      PolicyField("name", \.name), PolicyField("mode", \.mode), PolicyField("scope", \.scope),
      PolicyField("sides", \.sides), PolicyField("maximum_peers", \.maximumPeers),
    ]
  }

  func stands(on side: PolicySides) -> Bool {
    self.mode != .off && (self.sides ?? .both).contains(side)
  }
}
