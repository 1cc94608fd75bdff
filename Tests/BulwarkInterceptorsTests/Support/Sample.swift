import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import BulwarkTestKit
import NIOCore

/// The methods, and the clock, of the tests.
enum Sample {
  static let call = MethodDescriptor(service: "app.Service", method: "Call", kind: .unary)
  static let other = MethodDescriptor(service: "app.Service", method: "Other", kind: .unary)
  static let watch = MethodDescriptor(service: "app.Service", method: "Watch", kind: .serverStreaming)

  static func manager(_ clock: VirtualClock) -> ResilienceManager {
    ResilienceManager(clock: clock.policyClock, random: RandomSource(SeededGenerator(seed: 1)))
  }

  static func policies(_ clock: VirtualClock, @PolicySetBuilder _ annotations: () -> [Calls]) throws
    -> Policies
  {
    try Policies(code: PolicySet(annotations), manager: self.manager(clock))
  }
}

extension Calls {
  /// The calls of these methods, for tests that have no stubs.
  init(_ methods: MethodDescriptor...) {
    self.init(toMethods: methods)
  }
}
