import Synchronization
import Testing

@testable import BulwarkResilience

@Suite struct EventsTests {
  private func event(_ number: Int64) -> PolicyEvent {
    PolicyEvent(
      kind: .bulkhead,
      policy: "blocks",
      instant: .init(nanoseconds: number),
      occurrence: .reconfigured
    )
  }

  private final class Counter: PolicyObserver {
    let instants = Mutex<[Int64]>([])
    func observe(_ event: PolicyEvent) { self.instants.withLock { $0.append(event.instant.nanoseconds) } }
  }

  @Test func `An event that nobody hears is not even made`() {
    let events = PolicyEvents()
    var made = 0
    events.emit(
      {
        made += 1; return self.event(1)
      }()
    )
    #expect(made == 0)
  }

  @Test func `A stream gives the events in order`() async {
    let events = PolicyEvents()
    let stream = events.stream()
    for number in 1...3 as ClosedRange<Int64> { events.emit(self.event(number)) }
    var iterator = stream.makeAsyncIterator()
    for number in 1...3 as ClosedRange<Int64> {
      #expect(await iterator.next()?.instant.nanoseconds == number)
    }
  }

  @Test func `A slow reader loses the oldest events, and they are counted`() async {
    let events = PolicyEvents()
    let stream = events.stream(bufferingNewest: 2)
    for number in 1...5 as ClosedRange<Int64> { events.emit(self.event(number)) }
    #expect(stream.droppedCount == 3)
    var iterator = stream.makeAsyncIterator()
    #expect(await iterator.next()?.instant.nanoseconds == 4)
  }

  @Test func `An observer hears each event until it is removed`() {
    let events = PolicyEvents()
    let counter = Counter()
    let id = events.addObserver(counter)
    events.emit(self.event(1))
    events.removeObserver(id)
    events.emit(self.event(2))
    #expect(counter.instants.withLock { $0 } == [1])
  }

  @Test func `A reader who went away costs nothing`() async {
    let events = PolicyEvents()
    do {
      let stream = events.stream()
      let reader = Task { for await _ in stream {} }
      reader.cancel()
      await reader.value
    }
    var made = 0
    events.emit(
      {
        made += 1; return self.event(1)
      }()
    )
    #expect(made == 0)
  }
}
