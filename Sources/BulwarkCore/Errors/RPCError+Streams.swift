// What those are told who use the halves of a stream in a way that its contract forbids.
extension RPCError {
  package static let twoConsumers = RPCError(
    code: .failedPrecondition,
    message: "another task is waiting for a message of this stream already"
  )

  package static let writeAfterFinish = RPCError(
    code: .failedPrecondition,
    message: "a message was written after the sending half had been finished"
  )

  package static let twoWriters = RPCError(
    code: .failedPrecondition,
    message: "another task is waiting to write to this stream already"
  )

  package static let callIsOver = RPCError(
    code: .failedPrecondition,
    message: "the handler of this call has returned"
  )
}
