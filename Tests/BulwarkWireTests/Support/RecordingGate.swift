import BulwarkCore
import Synchronization

/// A gate whose decision a test writes down, and which keeps how its permits were settled.
final class RecordingGate: AdmissionGate {
  private struct State {
    var arrived: [ArrivingCall] = []
    var settled: [AdmissionOutcome] = []
  }

  private struct Permit: AdmissionPermit {
    let gate: RecordingGate

    func settle(_ outcome: AdmissionOutcome) { self.gate.state.withLock { $0.settled.append(outcome) } }
  }

  private let state = Mutex(State())
  private let rejection: @Sendable (ArrivingCall) -> RPCError?

  init(rejecting rejection: @escaping @Sendable (ArrivingCall) -> RPCError? = { _ in nil }) {
    self.rejection = rejection
  }

  /// The calls that the gate was asked about.
  var arrived: [ArrivingCall] { self.state.withLock { $0.arrived } }

  /// How the permits were settled, in that order.
  var settled: [AdmissionOutcome] { self.state.withLock { $0.settled } }

  func admit(_ call: inout ArrivingCall) -> Admission {
    self.state.withLock { $0.arrived.append(call) }
    return self.rejection(call).map { .rejected($0) } ?? .holding(Permit(gate: self))
  }
}
