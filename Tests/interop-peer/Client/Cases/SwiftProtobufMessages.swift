import Bulwark
import Foundation
import SwiftProtobuf
import SwiftProtobufMessages

extension InteropCase {
  /// Calls with messages that swift-protobuf's generator has written.
  static let swiftProtobuf = [
    InteropCase(name: "swift_protobuf") { context in
      let tally = TallyClient(context.client)
      let timeout = CaseContext.timeout
      _ = try await tally.reset(Google_Protobuf_Empty(), timeout: timeout)

      let ballot = Bulwark_Tally_Ballot.with {
        $0.voter = "ada"
        $0.choice = .yes
        $0.castAt = Google_Protobuf_Timestamp(seconds: -1, nanos: 999_999_999)
        $0.shares = 0
        $0.readings = [.min, 0, .max]
        $0.notes = ["": Data(), "why": Data([0, 255])]
        $0.witness = .with { $0.name = "eve" }
      }
      let receipt = try await tally.cast(ballot, timeout: timeout)
      try expect(
        receipt
          == .with {
            $0.number = 1; $0.ballot = ballot
          },
        "got \(receipt)"
      )

      let collected = try await tally.castAll(timeout: timeout) { ballots in
        for voter in ["b", "c"] {
          try await ballots.write(
            .with {
              $0.voter = voter; $0.choice = .no
            }
          )
        }
      }
      try expect(collected.number == 3 && collected.ballot.voter == "c", "got \(collected)")

      try await tally.confirm(timeout: timeout) { ballots, receipts in
        var iterator = receipts.makeAsyncIterator()
        try await ballots.write(.with { $0.voter = "d" })
        let number = try await iterator.next()?.number
        try expect(number == 4, "got the number \(number.debugDescription)")
        ballots.finish()
        try expect(try await iterator.next() == nil, "there was a response too many")
      }

      var standings: [[Int32: UInt64]] = []
      for try await standing in tally.watch(.with { $0.count = 2 }, timeout: timeout) {
        standings.append(standing.ballots)
      }
      try expect(standings == [[0: 1, 1: 1, 2: 2], [0: 1, 1: 1, 2: 2]], "got \(standings)")

      try await expectError(.invalidArgument, "the ballot has no voter") {
        _ = try await tally.cast(Bulwark_Tally_Ballot(), timeout: timeout)
      }
    }
  ]
}
