import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct PartAssemblyTests {
  /// A proposal of three parts, the last of them short.
  private func parts() throws -> [BlockPart] {
    try Committee().proposal([[UInt8]](repeating: [UInt8](repeating: 5, count: 50_000), count: 3)).parts()
  }

  @Test(
    "parts in any order become the bytes that they were cut from",
    arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]]
  )
  func anyOrder(order: [Int]) throws {
    let parts = try self.parts()
    var assembly = PartAssembly(maxBytes: 1_048_576)
    for index in order {
      try assembly.add(parts[index])
    }
    #expect(parts.count == 3)
    #expect(try assembly.joined() == parts.flatMap(\.data))
    #expect(assembly.place?.height == 1)
  }

  @Test("what is missing at the end is named")
  func missing() throws {
    let parts = try self.parts()
    var assembly = PartAssembly(maxBytes: 1_048_576)
    #expect(throws: ChainRefusal(.invalidArgument, "parts must be sent, got none")) { try assembly.joined() }
    try assembly.add(parts[1])
    #expect(throws: ChainRefusal(.invalidArgument, "index 0, 2 of 3 was not sent")) { try assembly.joined() }
  }

  @Test(
    "a part that does not fit the first is refused when it comes",
    arguments: [
      WrongInput("index 0 was sent before") { $0.index = 0 },
      WrongInput("index must be below total, 3, got 3") { $0.index = 3 },
      WrongInput("total must be 1 to 16, got 0") { $0.total = 0 },
      WrongInput("total must be 1 to 16, got 17") { $0.total = 17 },
      WrongInput("total must be the same in all parts, got 3 and 4") { $0.total = 4 },
      WrongInput("height must be the same in all parts, got 1 and 2") { $0.height = 2 },
      WrongInput("round must be the same in all parts, got 0 and 1") { $0.round = 1 },
      WrongInput("data must hold at most 65536 bytes, got 65537") { $0.data.append(0) },
      WrongInput("data must be 65536 bytes but in the last part, and never empty, got 65535") {
        $0.data.removeLast()
      },
      WrongInput("proof of part 1 leads to another root than that of the first part sent") {
        $0.data[0] ^= 1
      },
      WrongInput("proof of part 1 is not a path through a tree of 3 parts") { $0.proof.removeLast() },
      WrongInput("proof of part 1 is not a path through a tree of 3 parts") { $0.proof[0] = [1] },
    ] as [WrongInput<BlockPart>]
  )
  func misfits(wrong: WrongInput<BlockPart>) throws {
    let parts = try self.parts()
    var assembly = PartAssembly(maxBytes: 1_048_576)
    try assembly.add(parts[0])
    var part = parts[1]
    wrong.spoil(&part)
    #expect(throws: wrong.refusal) { try assembly.add(part) }
    try assembly.add(parts[1])
  }

  @Test("an empty last part is refused")
  func emptyPart() {
    var assembly = PartAssembly(maxBytes: 1_048_576)
    let refusal = #expect(throws: ChainRefusal.self) { try assembly.add(.with { $0.total = 1 }) }
    #expect(refusal?.message == "data must be 65536 bytes but in the last part, and never empty, got 0")
  }

  @Test("a whole of one part needs no proof")
  func onePart() throws {
    var assembly = PartAssembly(maxBytes: 1_048_576)
    let parts = try Committee().proposal().parts()
    try assembly.add(parts[0])
    #expect(parts.count == 1 && parts[0].proof.isEmpty)
    #expect(try assembly.joined() == parts[0].data)
  }
}
