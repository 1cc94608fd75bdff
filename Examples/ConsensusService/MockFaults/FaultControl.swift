public import Bulwark
import BulwarkResilience

/// The service ``MockControl``: sets the faults of a running node, and tells of them.
public struct FaultControl: MockControl {
  private let faults: MockFaults

  /// Creates the service for the faults of one node.
  public init(_ faults: MockFaults) {
    self.faults = faults
  }

  public func setFaults(_ request: SetFaultsRequest, context: CallContext) async throws -> SetFaultsResponse {
    try checking { () throws(InvalidOption) in
      var settings: [FaultSetting] = []
      for message in request.faults { settings.append(try FaultSetting(message)) }
      try self.faults.set(settings)
    }
    return SetFaultsResponse()
  }

  public func getFaults(_ request: GetFaultsRequest, context: CallContext) async throws -> GetFaultsResponse {
    GetFaultsResponse.with {
      $0.faults = self.faults.settings.map(\.message)
      $0.counts = self.faults.counts
    }
  }

  public func clearFaults(
    _ request: ClearFaultsRequest,
    context: CallContext
  ) async throws -> ClearFaultsResponse {
    if request.methods.isEmpty {
      self.faults.clearAll()
    } else {
      try checking { () throws(InvalidOption) in try self.faults.clear(request.methods) }
    }
    return ClearFaultsResponse()
  }

  private func checking(_ change: () throws(InvalidOption) -> Void) throws(RPCError) {
    do throws(InvalidOption) {
      try change()
    } catch {
      throw RPCError(code: .invalidArgument, message: error.description)
    }
  }
}
