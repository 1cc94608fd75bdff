import BulwarkResilience
import Testing

/// The bulkhead as a user of the library has it.
@Suite struct BulkheadAPITests {
  @Test func `Every public property reads as it was written`() async throws {
    let options = BulkheadOptions(maximumConcurrent: 3, queueLimit: 7)
    let bulkhead = try Bulkhead(name: "proposals", options: options)
    #expect(bulkhead.name == "proposals")
    #expect(bulkhead.options == options)
    let stream = bulkhead.events.stream()
    let permit = try await bulkhead.acquire(weight: 2, priority: .high, until: nil)
    #expect(permit.weight == 2)
    let stats = bulkhead.stats
    #expect(stats.inUse == 2)
    #expect(stats.maximum == 3)
    #expect(stats.waiting == 0)
    #expect(stats.queueLimit == 7)
    #expect(stats.admitted == 1)
    #expect(stats.refused.total == 0)
    #expect(stats.cancelled == 0)
    #expect(!stats.isOverloaded)
    try bulkhead.reconfigure(BulkheadOptions())
    var events = stream.makeAsyncIterator()
    let event = await events.next()
    #expect(event?.kind == .bulkhead)
    #expect(event?.policy == "proposals")
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Priorities are ordered`() {
    #expect(BulkheadPriority.allCases.sorted() == [.low, .normal, .high])
  }
}
