public import Bulwark
import BulwarkProtobuf

// The group consensus_streams: long-lived, each with a bound on what it can hold at this node.
extension ConsensusNode {
  /// Counts votes batch by batch, and acknowledges each batch.
  ///
  /// Votes that are refused are counted, and do not end the stream. `credit` is how many more batches the peer
  /// may send without an acknowledgement: an equal share of this node's budget for each open stream, one at
  /// least. The numbers of the batches must rise.
  public func streamVotes(
    _ requests: RequestStream<VoteBatch>,
    to responses: ResponseWriter<VoteAck>,
    context: CallContext
  ) async throws {
    self.withState { $0.openVoteStreams += 1 }
    defer { self.withState { $0.openVoteStreams -= 1 } }
    var last: UInt64?
    for try await batch in requests {
      let previous = last
      let acknowledgement = try answering {
        if let previous, batch.sequence <= previous {
          throw ChainRefusal.invalid(
            "sequence",
            "must be above the last one, \(previous), got \(batch.sequence)"
          )
        }
        try requireAtMost(self.limits.maxBatchVotes, batch.votes.count, "votes", "votes")
        return self.acknowledge(batch)
      }
      last = batch.sequence
      try await responses.write(acknowledgement)
    }
  }

  private func acknowledge(_ batch: VoteBatch) -> VoteAck {
    var accepted = 0
    for vote in batch.votes {
      // The lock is taken anew for each vote, so that a long batch holds up nobody for long.
      let answer = try? self.withChain { try $0.submit(vote) }
      accepted += answer == nil ? 0 : 1
    }
    let streams = self.withState { $0.openVoteStreams }
    return VoteAck.with {
      $0.sequence = batch.sequence
      $0.accepted = UInt32(clamping: accepted)
      $0.rejected = UInt32(clamping: batch.votes.count - accepted)
      $0.credit = max(1, self.limits.voteBatchBudget / max(1, streams))
    }
  }

  /// Sends decided blocks from `from_height` on, and with `to_height` 0 each new one when it is decided.
  public func syncBlocks(
    _ request: SyncBlocksRequest,
    to responses: ResponseWriter<SyncBlocksResponse>,
    context: CallContext
  ) async throws {
    let (id, wakeUps) = try self.follow()
    defer { self.withState { $0.subscribers.remove(id) } }
    var cursor = try self.answer { try SyncCursor(request, in: $0) }
    var wakeUp = wakeUps.makeAsyncIterator()
    repeat {
      while let batch = try self.read(&cursor) {
        try await responses.write(batch)
      }
      guard !cursor.isAtEnd else { return }
    } while await wakeUp.next() != nil
    try Task.checkCancellation()
    throw Self.stopped
  }

  private func read(_ cursor: inout SyncCursor) throws -> SyncBlocksResponse? {
    try self.answer { try cursor.read(from: $0) }
  }

  /// Sends what happens from now on: votes of the types that were asked for, decided blocks if they were, and
  /// evidence and ends of rounds always.
  ///
  /// - Throws: RESOURCE_EXHAUSTED once ``NodeLimits/eventBuffer`` events wait for a client that does not read.
  public func subscribeEvents(
    _ request: SubscribeEventsRequest,
    to responses: ResponseWriter<ConsensusEvent>,
    context: CallContext
  ) async throws {
    let filter = try answering { try EventFilter(request) }
    let (id, events) = try self.listen(filter)
    defer { self.withState { $0.subscribers.remove(id) } }
    do {
      for try await event in events {
        try await responses.write(event)
      }
    } catch let refusal as ChainRefusal {
      throw RPCError(refusal)
    }
    // The sequence ends without an error only when the task is cancelled.
    try Task.checkCancellation()
  }

  private func follow() throws(RPCError) -> (id: Subscribers.ID, wakeUps: AsyncStream<Void>) {
    try self.withState { (state) throws(RPCError) in
      try self.requirePlace(in: state)
      return state.subscribers.addFollower()
    }
  }

  private func listen(_ filter: EventFilter) throws(RPCError) -> (
    id: Subscribers.ID, events: Subscribers.Events
  ) {
    try self.withState { (state) throws(RPCError) in
      try self.requirePlace(in: state)
      return state.subscribers.addListener(filter, capacity: self.limits.eventBuffer)
    }
  }

  private func requirePlace(in state: State) throws(RPCError) {
    guard !state.isStopped else { throw Self.stopped }
    guard state.subscribers.count < self.limits.maxSubscribers else {
      throw RPCError(
        code: .resourceExhausted,
        message: "there are \(self.limits.maxSubscribers) subscribers, which is the limit"
      )
    }
  }
}
