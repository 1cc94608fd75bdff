import Bulwark

/// Sets a task-local for the rest of a call, and keeps the type of its error, which `withValue` forgets.
func withTaskLocal<Value: Sendable>(
  _ local: TaskLocal<Value>,
  _ value: Value,
  _ body: () async throws(RPCError) -> CallResponse
) async throws(RPCError) -> CallResponse {
  let result: Result<CallResponse, RPCError> = await local.withValue(value) {
    do throws(RPCError) {
      return .success(try await body())
    } catch {
      return .failure(error)
    }
  }
  return try result.get()
}
