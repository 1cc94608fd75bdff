import BulwarkCore
import Testing

@Suite struct MetadataTests {
  @Test func pairsKeepTheirOrderAndTheirDuplicates() {
    var metadata: Metadata = ["b": "1", "a": "2"]
    metadata.add("3", for: "b")
    #expect(metadata.map(\.name) == ["b", "a", "b"])
    #expect(metadata.values(for: "b") == ["1", "3"])
    #expect(metadata["b"] == "1")
    #expect(metadata.count == 3)
  }

  @Test func namesAreOneWhateverTheirCase() {
    var metadata: Metadata = ["Trace-ID": "1"]
    metadata.add("2", for: "TRACE-id")
    #expect(metadata.values(for: "trace-id") == ["1", "2"])
    #expect(metadata["tRACE-ID"] == "1")
    #expect(metadata.map(\.name) == ["trace-id", "trace-id"])
  }

  @Test func namesThatEndInBinCarryBytes() {
    var metadata = Metadata()
    metadata.add(binary: [0, 255], for: "Key-Bin")
    metadata.add(binary: [1], for: "other")
    #expect(metadata[binary: "key-bin"] == [0, 255])
    #expect(metadata[binary: "other-bin"] == [1])
    #expect(metadata["other"] == nil)
    #expect(metadata[0].value == .binary([0, 255]))
    metadata.add("text", for: "key-bin")
    #expect(metadata.binaryValues(for: "key-bin") == [[0, 255], Array("text".utf8)])
  }

  @Test func removingTakesEveryPairOfTheNameAndNoOther() {
    var metadata: Metadata = ["a": "1", "b": "2", "A": "3", "ab": "4"]
    metadata.removeAll(for: "A")
    #expect(metadata == ["b": "2", "ab": "4"])
    metadata.removeAll(for: "missing")
    #expect(metadata.count == 2)
  }

  @Test func equalityIsOfThePairsAndTheirOrder() {
    let pairs: Metadata = ["a": "1", "b": "2"]
    #expect(pairs == ["A": "1", "B": "2"])
    #expect(pairs != ["b": "2", "a": "1"])
    #expect(pairs != ["a": "1"])
    #expect(pairs != ["a": "1", "b": "3"])
    #expect(Metadata() == [:])
    #expect(Set([pairs, ["A": "1", "b": "2"], [:]]).count == 2)
  }

  @Test func theBorderBetweenNameAndValueCounts() {
    #expect(["ab": "c"] as Metadata != ["a": "bc"])
  }

  @Test func equalMetadataIsEqualHoweverItWasMade() {
    var removed: Metadata = ["x": "0", "a": "1"]
    removed.removeAll(for: "x")
    #expect(removed == ["a": "1"])
    #expect(removed.hashValue == (["a": "1"] as Metadata).hashValue)
  }

  @Test func addingOtherMetadataAppendsIt() {
    var metadata = Metadata()
    metadata.add(contentsOf: ["a": "1"])
    metadata.add(contentsOf: ["b": "2", "a": "3"])
    metadata.add(contentsOf: [:])
    #expect(metadata == ["a": "1", "b": "2", "a": "3"])
  }

  @Test func emptyMetadataHasNothing() {
    let metadata = Metadata()
    #expect(metadata.isEmpty && metadata["a"] == nil && metadata[binary: "a-bin"] == nil)
    #expect(metadata.values(for: "a").isEmpty && metadata.byteCount == 0)
  }

  @Test func textThatIsNoUTF8IsReadWithReplacements() {
    var metadata = Metadata()
    metadata.append(name: Array("a".utf8)[...], value: [0xFF, 0x41])
    #expect(metadata["a"] == "\u{FFFD}A")
    #expect(metadata[0].value == .text("\u{FFFD}A"))
  }

  @Test func aDescriptionShowsNoValue() {
    let metadata: Metadata = ["authorization": "secret", "b": ""]
    #expect(metadata.description == "[authorization: 6 bytes, b: 0 bytes]")
    #expect(metadata.byteCount == 13 + 6 + 1)
  }
}
