import BulwarkCore
import BulwarkTestKit

@testable import BulwarkBalancing

/// What surrounds a balancer, in memory: connections that obey it, and whose reports arrive late.
///
/// Each connection is that of the contract of `LoadBalancer`. What it does is decided by the test, or by a seed; what it
/// reports waits in one queue until it is delivered.
struct ChannelModel {
  enum Connection: Hashable {
    case idle, connecting, ready, backingOff
  }

  private struct Report {
    var id: EndpointID
    var state: EndpointState
    var age: Int
  }

  var balancer: any LoadBalancer
  var now = MonotonicInstant(nanoseconds: 0)
  var generator: SeededGenerator
  private(set) var connections: [EndpointID: Connection] = [:]
  /// How often each connection was made new, so that a report of an earlier one is not delivered.
  private var ages: [EndpointID: Int] = [:]
  private var reports: [Report] = []
  /// What the balancer was told last.
  private(set) var told: [EndpointID: ConnectivityState] = [:]
  /// The identifiers in the order in which the balancer had them connect.
  var connected: [EndpointID] = []
  private(set) var resolutions = 0
  private(set) var repicks = 0
  private(set) var ejections: [Ejection] = []
  private(set) var readmissions: [EndpointID] = []

  init(_ balancer: any LoadBalancer, seed: UInt64 = 1) {
    self.balancer = balancer
    self.generator = SeededGenerator(seed: seed)
  }

  mutating func update(_ endpoints: [BalancedEndpoint]) {
    let listed = Set(endpoints.map(\.id))
    for id in Array(self.connections.keys) where !listed.contains(id) {
      self.connections[id] = nil
      self.told[id] = nil
      self.ages[id, default: 0] += 1
    }
    for id in listed where self.connections[id] == nil {
      self.connections[id] = .idle
      self.told[id] = .idle
    }
    self.obey(self.balancer.update(endpoints, now: self.now, random: self.generator.next()))
  }

  /// Of the identifiers 1 to `count`.
  mutating func update(count: UInt32) {
    self.update(
      (0..<count).map { BalancedEndpoint(id: EndpointID(rawValue: $0 + 1), hashKey: "10.0.0.\($0 + 1):443") }
    )
  }

  mutating func obey(_ actions: BalancerActions) {
    for id in actions.connect {
      self.connected.append(id)
      if self.connections[id] == .idle { self.move(id, to: .connecting) }
    }
    for id in actions.disconnect where self.connections[id] != nil {
      self.told[id] = .idle
      if self.connections[id] != .idle { self.move(id, to: .idle) }
    }
    if actions.resolve { self.resolutions += 1 }
    if actions.repick { self.repicks += 1 }
    self.ejections += actions.ejections
    self.readmissions += actions.readmissions
  }

  /// The connection comes to another state, which will be reported.
  mutating func move(_ id: EndpointID, to connection: Connection) {
    guard self.connections[id] != nil else { return }
    self.connections[id] = connection
    let state: EndpointState
    switch connection {
    case .idle: state = .idle
    case .connecting: state = .connecting
    case .ready: state = .ready
    case .backingOff: state = .transientFailure(.refused(id))
    }
    self.reports.append(Report(id: id, state: state, age: self.ages[id, default: 0]))
  }

  /// Delivers the reports that wait, and those that follow from them.
  mutating func deliver(atMost limit: Int = .max) {
    var left = limit
    while left > 0, !self.reports.isEmpty {
      left -= 1
      let report = self.reports.removeFirst()
      guard report.age == self.ages[report.id, default: 0] else { continue }
      self.told[report.id] = report.state.connectivity
      self.obey(self.balancer.connectivityChanged(report.id, to: report.state, now: self.now))
    }
  }

  /// The connection comes to another state, and the balancer knows at once.
  mutating func report(_ id: UInt32, _ connection: Connection) {
    self.deliver()
    self.move(EndpointID(rawValue: id), to: connection)
    self.deliver()
  }

  mutating func pick(hash: UInt64? = nil) -> Pick.Decision {
    let context = PickContext(now: self.now, random: self.generator.next(), hash: hash)
    let pick = self.balancer.pick(context)
    self.obey(pick.actions)
    return pick.decision
  }

  mutating func advance(milliseconds: Int64) {
    self.now = self.now.advanced(byNanoseconds: milliseconds * 1_000_000)
    guard let timer = self.balancer.nextTimer, timer <= self.now else { return }
    self.obey(self.balancer.timerFired(now: self.now, random: self.generator.next()))
  }

  /// Something happens to one of the connections, or time goes on.
  mutating func step() {
    guard
      let id = self.connections.keys.sorted(by: { $0.rawValue < $1.rawValue }).randomElement(
        using: &self.generator
      )
    else { return }
    switch self.connections[id] {
    case .connecting: self.move(id, to: self.generator.oneIn(2) ? .ready : .backingOff)
    case .ready where self.generator.oneIn(3):
      self.move(id, to: self.generator.oneIn(2) ? .idle : .backingOff)
    case .backingOff: self.move(id, to: .idle)
    case .idle, .ready, nil: self.advance(milliseconds: Int64.random(in: 0..<400, using: &self.generator))
    }
    self.deliver(atMost: Int.random(in: 0..<4, using: &self.generator))
  }

  /// From here on everything that is tried succeeds.
  mutating func heal() {
    for _ in 0..<4 {
      for id in self.connections.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
        if self.connections[id] == .backingOff { self.move(id, to: .idle) }
        if self.connections[id] == .connecting { self.move(id, to: .ready) }
        self.deliver()
      }
      _ = self.pick()
    }
  }
}

extension RPCError {
  static func refused(_ id: EndpointID) -> RPCError {
    RPCError(code: .unavailable, message: "\(id) refused", origin: .transport)
  }
}

extension EndpointID {
  static func number(_ number: UInt32) -> EndpointID { EndpointID(rawValue: number) }
}

extension Pick.Decision {
  static func number(_ number: UInt32) -> Pick.Decision { .endpoint(EndpointID(rawValue: number)) }

  var endpoint: EndpointID? {
    guard case .endpoint(let id) = self else { return nil }
    return id
  }
}
