import BulwarkResilience
import Testing

@Suite struct BulkheadOptionsTests {
  @Test(arguments: [
    (BulkheadOptions(maximumConcurrent: 0), "maximumConcurrent", "0"),
    (BulkheadOptions(maximumConcurrent: .min), "maximumConcurrent", "\(Int.min)"),
    (BulkheadOptions(maximumConcurrent: 1_000_001), "maximumConcurrent", "1000001"),
    (BulkheadOptions(queueLimit: -1), "queueLimit", "-1"),
    (BulkheadOptions(queueLimit: .max), "queueLimit", "\(Int.max)"),
    (BulkheadOptions(maximumWait: .seconds(-1)), "maximumWait", "-1.0 seconds"),
    (BulkheadOptions(starvationBound: 2), "starvationBound", "2"),
    (BulkheadOptions(starvationBound: 1001), "starvationBound", "1001"),
    (
      BulkheadOptions(discipline: .adaptiveLIFO(codel: CoDel(target: .zero))), "discipline.codel.target",
      "0.0 seconds"
    ),
    (
      BulkheadOptions(discipline: .adaptiveLIFO(codel: CoDel(interval: .milliseconds(4)))),
      "discipline.codel.interval", "0.004 seconds"
    ),
  ])
  func `Each bad value is refused by its name`(options: BulkheadOptions, field: String, value: String) {
    let error = #expect(throws: InvalidOption.self) { try options.validate() }
    #expect(error?.field == field)
    #expect(error?.value == value)
    #expect(throws: InvalidOption.self) { try Bulkhead(name: "votes", options: options) }
  }

  @Test(arguments: [
    BulkheadOptions(),
    BulkheadOptions(maximumConcurrent: 1, queueLimit: 0, maximumWait: .zero, starvationBound: 3),
    BulkheadOptions(maximumConcurrent: 1_000_000, queueLimit: 1_000_000, starvationBound: 1000),
    BulkheadOptions(discipline: .adaptiveLIFO()),
  ])
  func `The ends of each range are good`(options: BulkheadOptions) throws {
    try options.validate()
    let bulkhead = try Bulkhead(name: "votes", options: options)
    #expect(bulkhead.options == options)
  }

  @Test func `A bad reconfiguration changes nothing`() throws {
    let bulkhead = try Bulkhead(name: "votes")
    #expect(throws: InvalidOption.self) { try bulkhead.reconfigure(BulkheadOptions(queueLimit: -1)) }
    #expect(bulkhead.options == BulkheadOptions())
  }
}
