import BulwarkConfiguration
import BulwarkCore
import BulwarkInterceptors
import Testing

/// What is shown as `key = value` can be read back.
struct ShownPolicyTests {
  private let method = MethodDescriptor(service: "app.Service", method: "Call", kind: .unary)

  @Test(arguments: UInt64(1)...200)
  func whateverIsShownOfAPolicyReadsBackAsTheSame(seed: UInt64) throws {
    var generator = SplitMix(state: seed)
    var policy = MethodPolicy()
    for field in MethodPolicy.fields where Bool.random(using: &generator) {
      if let value = Self.values.filter({ policy.accepts($0, as: field.key) }).randomElement(
        using: &generator
      ) {
        try policy.set(field.key, to: value)
      }
    }
    let shown = EffectivePolicy(of: self.method, from: [PolicySet(source: "code", [.all: policy])])
    var readBack = MethodPolicy()
    for line in shown.lines { try readBack.set(line.key, to: .text(line.value)) }
    #expect(readBack == policy, "seed \(seed)")
  }

  private static let values: [PolicyValue] = [
    .flag(true), .flag(false), .integer(7), .integer(200), .number(0.25), .number(1e-5), .number(12_345.678),
    .text("250ms"), .text("1.000000001s"), .text("90m"), .text("3ns"), .text("votes, and 'more'"),
    .text("true"),
    .text("peer"), .text("shadow"), .text("server"), .text("high"), .text("adaptive_lifo"),
    .list([.text("ABORTED"), .integer(14)]), .list([]),
  ]
}

extension MethodPolicy {
  fileprivate func accepts(_ value: PolicyValue, as key: String) -> Bool {
    var copy = self
    return (try? copy.set(key, to: value)) != nil
  }
}

/// A generator that a seed replays (SplitMix64).
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    self.state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (self.state ^ (self.state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
