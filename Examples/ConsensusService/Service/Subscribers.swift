import Bulwark

/// Which events a subscriber gets. Evidence and the ends of rounds go to everybody.
struct EventFilter: Hashable, Sendable {
  private let voteTypes: Set<VoteType>
  private let includesBlocks: Bool

  /// - Throws: INVALID_ARGUMENT for a type of vote that does not exist.
  init(_ request: SubscribeEventsRequest) throws(ChainRefusal) {
    guard request.voteTypes.allSatisfy({ $0 == .prevote || $0 == .precommit }) else {
      throw .invalid("vote_types", "must hold PREVOTE and PRECOMMIT alone")
    }
    self.voteTypes = Set(request.voteTypes)
    self.includesBlocks = request.includeBlocks
  }

  func lets(_ event: ConsensusEvent) -> Bool {
    switch event.event {
    case .vote(let vote): self.voteTypes.contains(vote.type)
    case .newBlock: self.includesBlocks
    case .evidence, .timeout: true
    case nil: false
    }
  }
}

/// Who wants to hear what happens. Each subscriber has a queue with a bound, and is dropped when it is full.
struct Subscribers: Sendable {
  /// Names a subscriber of either kind.
  struct ID: Hashable, Sendable {
    fileprivate let number: UInt64
  }

  typealias Events = AsyncThrowingStream<ConsensusEvent, any Error>

  private struct Listener {
    let filter: EventFilter
    let queue: Events.Continuation
  }

  private var listeners: [ID: Listener] = [:]
  private var followers: [ID: AsyncStream<Void>.Continuation] = [:]
  private var nextNumber: UInt64 = 0

  /// How many there are.
  var count: Int { self.listeners.count + self.followers.count }

  /// Adds a subscriber to events, whose queue holds at most `capacity` of them.
  mutating func addListener(_ filter: EventFilter, capacity: Int) -> (id: ID, events: Events) {
    let (events, queue) = Events.makeStream(bufferingPolicy: .bufferingOldest(capacity))
    let id = self.makeID()
    self.listeners[id] = Listener(filter: filter, queue: queue)
    return (id, events)
  }

  /// Adds one who wants to know that there is a new block, and nothing more: one wake-up at most waits for it.
  mutating func addFollower() -> (id: ID, wakeUps: AsyncStream<Void>) {
    let (wakeUps, queue) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let id = self.makeID()
    self.followers[id] = queue
    return (id, wakeUps)
  }

  mutating func remove(_ id: ID) {
    self.listeners[id] = nil
    self.followers[id] = nil
  }

  /// Hands out events. Listeners whose queue is full are removed and told so, after what they had queued.
  mutating func publish(_ events: [ConsensusEvent]) {
    for event in events {
      for (id, listener) in self.listeners where listener.filter.lets(event) {
        if case .dropped = listener.queue.yield(event) {
          listener.queue.finish(throwing: ChainRefusal(.resourceExhausted, "the subscriber reads too slowly"))
          self.listeners[id] = nil
        }
      }
      if case .newBlock = event.event {
        for follower in self.followers.values {
          follower.yield()
        }
      }
    }
  }

  /// Ends every subscription; the listeners see this error.
  mutating func finish(throwing error: any Error) {
    for listener in self.listeners.values {
      listener.queue.finish(throwing: error)
    }
    for follower in self.followers.values {
      follower.finish()
    }
    self.listeners.removeAll()
    self.followers.removeAll()
  }

  private mutating func makeID() -> ID {
    self.nextNumber += 1
    return ID(number: self.nextNumber)
  }
}
