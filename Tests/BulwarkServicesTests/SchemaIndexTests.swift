import BulwarkCore
import BulwarkProtobuf
import TestMessages
import Testing

@testable import BulwarkServices

@Suite struct SchemaIndexTests {
  private func names(_ descriptors: [[UInt8]]?) throws -> [String]? {
    try descriptors?.compactMap { try FileDescriptorProto(serializedBytes: $0).name }
  }

  @Test func `A file comes with all that it imports, each once`() throws {
    let index = SchemaIndex([.importsShop])
    let names = try #require(try self.names(index.descriptors(named: "imports/shop.proto")))
    #expect(names.first == "imports/shop.proto")
    #expect(names.contains("imports/base.proto"))
    #expect(Swift.Set(names).count == names.count)
  }

  @Test func `An import is found as its importer is`() throws {
    let index = SchemaIndex([.importsShop])
    #expect(try self.names(index.descriptors(named: "imports/base.proto"))?.first == "imports/base.proto")
  }

  @Test func `Extensions are found by the message that they extend`() throws {
    // The runtime has no file that declares extensions: one is laid down here as protoc would describe it.
    let file = ProtoFile(
      "ext.proto",
      descriptor: "\n\u{9}ext.proto\u{12}\u{1}e\"\u{3}\n\u{1}M:\u{b}\n\u{1}f\u{12}\u{4}.e.M\u{18}\u{7}",
      imports: []
    )
    let index = SchemaIndex([file])
    #expect(index.extensionNumbers(of: "e.M") == [7])
    #expect(try self.names(index.descriptors(extending: "e.M", with: 7)) == ["ext.proto"])
    #expect(index.descriptors(extending: "e.M", with: 8) == nil)
    #expect(try self.names(index.descriptors(declaring: "e.f")) == ["ext.proto"])
  }

  @Test func `A file that cannot be read is known by its name alone`() {
    let index = SchemaIndex([ProtoFile("broken.proto", descriptor: "\u{ff}", imports: [])])
    #expect(index.descriptors(named: "broken.proto") == [[0xFF]])
    #expect(index.descriptors(declaring: "") == nil)
  }
}
