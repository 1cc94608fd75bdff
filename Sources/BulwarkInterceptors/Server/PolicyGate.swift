import BulwarkCore

/// The gate that a server's policies stand in.
struct PolicyGate: AdmissionGate {
  let policies: Policies

  func bound(to method: MethodDescriptor) -> any AdmissionGate {
    BoundPolicyGate(slot: self.policies.serverSlot(for: method))
  }

  func admit(_ call: inout ArrivingCall) -> Admission {
    self.bound(to: call.method).admit(&call)
  }
}

/// The gate of one method.
private struct BoundPolicyGate: AdmissionGate {
  let slot: PlanSlot<ServerPlan>

  func admit(_ call: inout ArrivingCall) -> Admission { self.slot.current?.admit(&call) ?? .admitted }
}
