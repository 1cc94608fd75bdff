import BulwarkCore
import BulwarkTestKit
import Testing

@testable import BulwarkWire

/// However much of a header block has come before, its metadata is what it says.
@Suite struct RecurringMetadataTests {
  private static func read(
    _ pairs: [(String, String)],
    after earlier: Metadata
  ) -> (metadata: Metadata, isToBeRemembered: Bool) {
    var recurring = RecurringMetadata(after: earlier)
    for (name, value) in pairs {
      recurring.append(name: Array(name.utf8)[...], value: Array(value.utf8)[...])
    }
    return recurring.take()
  }

  private static func plain(_ pairs: [(String, String)]) -> Metadata {
    var metadata = Metadata()
    for (name, value) in pairs { metadata.add(value, for: name) }
    return metadata
  }

  @Test(arguments: 0..<200)
  func aBlockHasItsOwnPairsWhateverCameBefore(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var earlier = Metadata()
    for _ in 0..<20 {
      let pairs = (0..<Int.random(in: 0...3, using: &random)).map { _ in
        (
          ["a", "b"].randomElement(using: &random) ?? "", ["1", "", "22"].randomElement(using: &random) ?? ""
        )
      }
      let (metadata, isToBeRemembered) = Self.read(pairs, after: earlier)
      #expect(metadata == Self.plain(pairs))
      earlier = isToBeRemembered ? metadata : earlier
    }
  }

  @Test func whatCameBeforeIsNotRememberedAgain() {
    let pairs = [("user-agent", "x"), ("a", "b")]
    let first = Self.read(pairs, after: [:])
    #expect(first == (Self.plain(pairs), true))
    #expect(!Self.read(pairs, after: first.metadata).isToBeRemembered)
    #expect(Self.read([pairs[0]], after: first.metadata) == (Self.plain([pairs[0]]), true))
  }

  @Test(arguments: [(511, true), (512, false)])
  func metadataOfMoreThanHalfAKilobyteIsNotRemembered(valueBytes: Int, isRemembered: Bool) {
    let pairs = [("a", String(repeating: "x", count: valueBytes))]
    #expect(Self.read(pairs, after: [:]).isToBeRemembered == isRemembered)
  }

  @Test func aPairOfItsOwnFollowsThoseThatRecurred() {
    var recurring = RecurringMetadata(after: Self.plain([("a", "1"), ("b", "2")]))
    recurring.append(name: Array("a".utf8)[...], value: Array("1".utf8)[...])
    recurring.changeOwn { $0.add("3", for: "c") }
    #expect(recurring.take().0 == Self.plain([("a", "1"), ("c", "3")]))
  }
}
