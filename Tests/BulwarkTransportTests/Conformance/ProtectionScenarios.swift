import BulwarkCore
import NIOCore

extension TransportScenario {
  /// Gates and interceptors.
  static let protections: [TransportScenario] = [
    TransportScenario(
      "gates that refuse",
      gates: { notes in
        [
          NotingGate(notes, "first") { .holding($0) },
          NotingGate(notes, "second") { _ in
            .rejected(
              RPCError(
                code: .resourceExhausted,
                message: "closed",
                metadata: ["grpc-retry-pushback-ms": "250"],
                origin: .policy
              )
            )
          },
        ]
      }
    ) { stage in
      await stage.unary("x")
      await stage.stream("x")
    },
    TransportScenario(
      "permits",
      services: { _ in ByteService(serverStream: { _, _, _ in throw RPCError(code: .aborted, message: "a") })
      },
      gates: { notes in [NotingGate(notes, "gate") { .holding($0) }] }
    ) { stage in
      await stage.unary("x")
      await stage.stream("x")
    },
    TransportScenario(
      "gates that wait",
      gates: { notes in
        [
          NotingGate(notes, "gate") { permit in
            .waiting { () throws(RPCError) in
              await Task.yield()
              return permit
            }
          }
        ]
      }
    ) { stage in
      await stage.unary("x")
      await stage.stream("x")
    },
    TransportScenario(
      "waits that fail",
      gates: { _ in
        [
          NotingGate(Notes(), "gate") { _ in
            .waiting { () throws(RPCError) in throw RPCError(code: .resourceExhausted, message: "queue full")
            }
          }
        ]
      }
    ) { stage in
      await stage.unary("x")
      await stage.stream("x")
    },
    TransportScenario(
      "a gate that gives less time",
      services: { notes in
        ByteService(unary: { request, context in
          notes.note("\(context.deadline != nil)", by: "handler")
          try await Task.sleep(for: .seconds(600))
          return request
        })
      },
      gates: { _ in [LimitingGate()] }
    ) { stage in
      await stage.unary("x")
      await stage.unary("x", options: CallOptions(timeout: .seconds(600)))
    },
    TransportScenario(
      "interceptors of a server",
      services: { notes in
        ByteService(unary: { request, context in
          notes.note(context.metadata.transcript, by: "handler")
          return request
        })
      },
      interceptors: { [ScriptedInterceptor(notes: $0)] }
    ) { stage in
      for word in ["pass", "answer", "throw", "change"] {
        await stage.unary(word)
        await stage.stream(word)
      }
    },
    TransportScenario("interceptors of a client") { stage in
      let client = InterceptedInvoker(
        stage.client,
        interceptors: [ScriptedInterceptor(notes: stage.notes)],
        peer: Peer(address: "there"),
        time: .system
      )
      let intercepted = Stage(client: client, notes: stage.notes)
      for word in ["pass", "answer", "throw", "change"] {
        await intercepted.unary(word)
        await intercepted.stream(word)
      }
    },
  ]
}

/// A gate from a closure, which notes how its permit was settled.
private final class NotingGate: AdmissionGate {
  private struct Permit: AdmissionPermit {
    let gate: NotingGate
    func settle(_ outcome: AdmissionOutcome) {
      self.gate.notes.note("\(outcome)", by: self.gate.name)
    }
  }

  private let notes: Notes
  private let name: String
  private let decide: @Sendable (any AdmissionPermit) -> Admission

  init(_ notes: Notes, _ name: String, _ decide: @escaping @Sendable (any AdmissionPermit) -> Admission) {
    self.notes = notes
    self.name = name
    self.decide = decide
  }

  func admit(_ call: inout ArrivingCall) -> Admission {
    self.notes.note("\(call.method) \(call.deadline == nil)", by: self.name)
    return self.decide(Permit(gate: self))
  }
}

private struct LimitingGate: AdmissionGate {
  func admit(_ call: inout ArrivingCall) -> Admission {
    call.limit(to: .milliseconds(60))
    return .admitted
  }
}

/// Does what the request, or the metadata of the call, says.
private struct ScriptedInterceptor: Interceptor {
  let notes: Notes

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    let script = request.message.map { String(buffer: $0) } ?? "stream"
    var request = request
    switch script {
    case "answer": return CallResponse(message: ByteBuffer(string: "mine"), metadata: ["x-by": "interceptor"])
    case "throw": throw RPCError(code: .permissionDenied, message: "not you", metadata: ["x-why": "w"])
    case "change":
      request.metadata.add("1", for: "x-changed")
      request.onResponseMessage { (message) throws(RPCError) in message.writeString("!") }
    default: break
    }
    do {
      let response = try await next(request)
      self.notes.note("\(script) \(response.metadata.transcript)", by: "interceptor")
      return response
    } catch {
      self.notes.note("\(script) \(error.transcript)", by: "interceptor")
      throw error
    }
  }
}
