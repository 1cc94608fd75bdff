public import BulwarkCore

extension Policies {
  /// What does not go well together in the policies of these methods: each with the reason and a remedy.
  ///
  /// A server asks as it starts to run: it logs what is a warning, and refuses to run with what is fatal.
  ///
  /// - Parameter streamLimit: how many calls a peer may have open on one connection, on a server; nil for methods that
  ///   are only called.
  public func findings(for methods: [MethodDescriptor], streamLimit: Int?) -> [ProtectionFinding] {
    methods.flatMap { method in
      let effective = self.effectivePolicy(of: method)
      let subject = PolicyCheck.Subject(method: method, policy: effective.policy, streamLimit: streamLimit)
      return PolicyCheck.all.compactMap { check in
        check.find(subject).map { fault in
          let keys = fault.keys.split(separator: ", ").map(String.init)
          let origin = keys.compactMap { effective.origin(of: $0) }.first.map { " from \($0)" } ?? ""
          return ProtectionFinding(
            isFatal: fault.isFatal,
            method: method,
            message: "\(fault.keys)\(origin): \(fault.reason). Remedy: \(fault.remedy)."
          )
        }
      }
    }
  }
}

extension EffectivePolicy {
  /// Where a value comes from, or the section that it stands in.
  func origin(of key: String) -> Origin? {
    self.origins[key] ?? key.split(separator: ".").first.flatMap { self.origins[String($0)] }
  }
}
