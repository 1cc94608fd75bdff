public import BulwarkCore
public import SwiftProtobuf
import Synchronization

/// Counts ballots, as `interop/tally.proto` says.
public final class CountingTally: Tally {
  private let ballots = Mutex<[Int32: UInt64]>([:])

  public init() {}

  public func cast(_ request: Bulwark_Tally_Ballot, context: CallContext) async throws
    -> Bulwark_Tally_Receipt
  {
    try self.count(request)
  }

  public func castAll(_ requests: RequestStream<Bulwark_Tally_Ballot>, context: CallContext) async throws
    -> Bulwark_Tally_Receipt
  {
    var receipt = Bulwark_Tally_Receipt()
    for try await request in requests { receipt = try self.count(request) }
    return receipt
  }

  public func watch(
    _ request: Bulwark_Tally_WatchRequest,
    to responses: ResponseWriter<Bulwark_Tally_Standing>,
    context: CallContext
  ) async throws {
    for _ in 0..<request.count {
      let ballots = self.ballots.withLock { $0 }
      try await responses.write(.with { $0.ballots = ballots })
    }
  }

  public func confirm(
    _ requests: RequestStream<Bulwark_Tally_Ballot>,
    to responses: ResponseWriter<Bulwark_Tally_Receipt>,
    context: CallContext
  ) async throws {
    for try await request in requests { try await responses.write(self.count(request)) }
  }

  public func reset(_ request: Google_Protobuf_Empty, context: CallContext) async throws
    -> Google_Protobuf_Empty
  {
    self.ballots.withLock { $0 = [:] }
    return Google_Protobuf_Empty()
  }

  private func count(_ ballot: Bulwark_Tally_Ballot) throws -> Bulwark_Tally_Receipt {
    guard !ballot.voter.isEmpty else {
      throw RPCError(code: .invalidArgument, message: "the ballot has no voter")
    }
    let number = self.ballots.withLock { ballots in
      ballots[Int32(truncatingIfNeeded: ballot.choice.rawValue), default: 0] += 1
      return ballots.values.reduce(0, +)
    }
    return .with {
      $0.number = number
      $0.ballot = ballot
    }
  }
}
