import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkWire

@Suite struct TableTests {
  // MARK: - Methods

  @Test func everyMethodIsFoundByItsPathAndNothingElseIs() {
    var registry = ServiceRegistry()
    for index in 0..<200 {
      let method = MethodDescriptor(service: "a.B\(index % 7)", method: "M\(index)", kind: .unary)
      registry.register(method, handler: .unary { message, _ in message })
    }
    let table = MethodTable(registry)
    #expect(table.entries.count == 200)
    for entry in table.entries {
      let path = Array(entry.descriptor.path.utf8)
      #expect(table.entry(forPath: path[...])?.descriptor == entry.descriptor)
      #expect(table.entry(forPath: path.dropLast())?.descriptor != entry.descriptor)
      #expect(table.entry(forPath: (path + [0x30])[...])?.descriptor != entry.descriptor)
      #expect(table.entry(forPath: Array(entry.descriptor.path.lowercased().utf8)[...]) == nil)
    }
    #expect(table.entry(forPath: []) == nil)
  }

  @Test func aTableWithoutMethodsFindsNone() {
    #expect(MethodTable(ServiceRegistry()).entry(forPath: Array("/a/b".utf8)[...]) == nil)
  }

  // MARK: - Deadlines

  @Test(arguments: 0..<40 as Range<UInt64>)
  func deadlinesComeUpAsInAPlainList(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var table = DeadlineTable<Int>()
    var list: [Int: MonotonicInstant] = [:]
    var now = MonotonicInstant(nanoseconds: 0)
    for _ in 0..<600 {
      let key = Int.random(in: 0..<150, using: &generator)
      switch Int.random(in: 0..<8, using: &generator) {
      case 0..<4:
        let instant = now.advanced(by: .nanoseconds(Int64.random(in: -5...100, using: &generator)))
        table.insert(key, at: instant)
        list[key] = instant
      case 4..<7:
        table.remove(key)
        list[key] = nil
      default:
        now = now.advanced(by: .nanoseconds(Int64.random(in: 0...30, using: &generator)))
        var last = MonotonicInstant(nanoseconds: .min)
        while let expired = table.popExpired(now: now) {
          guard let instant = list.removeValue(forKey: expired) else {
            Issue.record("\(expired) had no deadline")
            return
          }
          #expect(instant <= now && instant >= last)
          last = instant
        }
        #expect(list.values.allSatisfy { $0 > now })
      }
      let earliest = table.earliest
      #expect(earliest == list.values.min())
      #expect(table.count == list.count)
    }
  }

  @Test func aRemovedDeadlineNeverComesUp() {
    var table = DeadlineTable<Int>()
    for key in 0..<1_000 {
      table.insert(key, at: MonotonicInstant(nanoseconds: Int64(key)))
    }
    for key in 0..<1_000 where key % 10 != 0 {
      table.remove(key)
    }
    table.remove(1)
    var expired: [Int] = []
    while let key = table.popExpired(now: .distantFuture) {
      expired.append(key)
    }
    #expect(expired == Array(stride(from: 0, to: 1_000, by: 10)))
    let earliest = table.earliest
    #expect(earliest == nil)
  }

  @Test func aDeadlineThatWasMovedCountsOnceAtItsNewInstant() {
    var table = DeadlineTable<String>()
    table.insert("a", at: MonotonicInstant(nanoseconds: 10))
    table.insert("a", at: MonotonicInstant(nanoseconds: 20))
    table.insert("a", at: MonotonicInstant(nanoseconds: 20))
    #expect(table.popExpired(now: MonotonicInstant(nanoseconds: 19)) == nil)
    #expect(table.popExpired(now: MonotonicInstant(nanoseconds: 20)) == "a")
    #expect(table.popExpired(now: .distantFuture) == nil)
  }

  // MARK: - Request fields

  @Test func headersOfAMethodAreTheSameInEveryCall() throws {
    var fields = RequestFields(scheme: "http", authority: "a", userAgent: "u")
    let now = MonotonicInstant(nanoseconds: 0)
    let first = try fields.fields(for: ClientRequest(method: Sample.unary), limit: 100, now: now)
    let second = try fields.fields(for: ClientRequest(method: Sample.unary), limit: 100, now: now)
    let other = try fields.fields(for: ClientRequest(method: Sample.chat), limit: 100, now: now)
    #expect(first == second && first != other)
    #expect(first.count == 7)
  }

  @Test func metadataAboveTheLimitIsNotSent() throws {
    var fields = RequestFields(scheme: "http", authority: "a", userAgent: "u")
    let now = MonotonicInstant(nanoseconds: 0)
    var request = ClientRequest(method: Sample.unary, metadata: ["key": "1234567"])
    #expect(try fields.fields(for: request, limit: 10, now: now).count == 8)
    request.metadata = ["key": "12345678"]
    let error = #expect(throws: RPCError.self) {
      try fields.fields(for: request, limit: 10, now: now)
    }
    #expect(error?.code == .resourceExhausted)
  }
}
