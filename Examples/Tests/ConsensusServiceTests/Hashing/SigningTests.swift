import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct SigningTests {
  private let key = MockKey(chainID: "test", index: 0)

  @Test("canonical bytes are lengths and big-endian numbers, as documented")
  func canonicalBytes() {
    var bytes = CanonicalBytes(domain: "ab")
    bytes.append(UInt64(0x0102))
    bytes.append([0xff])
    #expect(
      bytes.bytes == [0, 0, 0, 0, 0, 0, 0, 2, 0x61, 0x62] + [0, 0, 0, 0, 0, 0, 1, 2] + [
        0, 0, 0, 0, 0, 0, 0, 1, 0xff,
      ]
    )
  }

  @Test("two strings never run together")
  func stringsAreDelimited() {
    var first = CanonicalBytes(domain: "d")
    first.append("ab")
    first.append("c")
    var second = CanonicalBytes(domain: "d")
    second.append("a")
    second.append("bc")
    #expect(first.digest != second.digest)
  }

  @Test("a vote's signature covers chain, type, height, round and block", arguments: 0..<5)
  func voteSignature(changed: Int) {
    let vote = Vote.with {
      $0.type = .prevote
      $0.height = 5
      $0.round = 1
      $0.blockHash = hash(1)
    }
    let signature = vote.signed(by: self.key, chainID: "test").signature
    var other = vote
    switch changed {
    case 0: other.type = .precommit
    case 1: other.height = 6
    case 2: other.round = 2
    case 3: other.blockHash = []
    default: break
    }
    let chain = changed == 4 ? "another" : "test"
    #expect(signature.count == 64)
    #expect(self.key.verifies(signature, over: vote.signBytes(chainID: "test")))
    #expect(!self.key.verifies(signature, over: other.signBytes(chainID: chain)))
  }

  @Test("a signature belongs to one key")
  func signaturesBelongToKeys() {
    let vote = Vote().signed(by: self.key, chainID: "test")
    let other = MockKey(chainID: "test", index: 1)
    #expect(!other.verifies(vote.signature, over: vote.signBytes(chainID: "test")))
  }

  @Test("the block hash covers every field of the header", arguments: 0..<9)
  func blockHashCoversTheHeader(field: Int) {
    let header = Committee().proposal().block?.header ?? BlockHeader()
    var other = header
    switch field {
    case 0: other.chainId += "x"
    case 1: other.height += 1
    case 2: other.round += 1
    case 3: other.timestampNs += 1
    case 4: other.parent?.partTotal += 1
    case 5: other.txsRoot = hash(9)
    case 6: other.stateRoot = hash(9)
    case 7: other.validatorsHash = hash(9)
    default: other.proposerAddress = []
    }
    #expect(header.canonicalHash != other.canonicalHash)
  }

  @Test(
    "a block has one part for each 64 KiB of transactions that it began",
    arguments: [(0, 1), (65_536, 1), (65_537, 2)]
  )
  func partTotal(bytes: Int, parts: UInt32) {
    let block = Block.with { $0.txs = [[UInt8](repeating: 0, count: bytes)] }
    #expect(block.id.partTotal == parts)
  }

  @Test("transactions move the state one by one, in order")
  func executionIsOrdered() {
    let leaves = [MerkleTree.leafHash([1]), MerkleTree.leafHash([2])]
    let forward = Execution.stateRoot(after: [[1], [2]], leafHashes: leaves, from: hash(0))
    let backward = Execution.stateRoot(after: [[2], [1]], leafHashes: leaves.reversed(), from: hash(0))
    #expect(forward != backward)
    #expect(Execution.stateRoot(after: [], leafHashes: [], from: hash(0)) == hash(0))
  }

  @Test("gas is 21,000 for a transaction and 16 for each byte")
  func gas() {
    var execution = Execution(parentStateRoot: hash(0))
    execution.run(transactionBytes: 100, leafHash: hash(1))
    execution.run(transactionBytes: 0, leafHash: hash(2))
    #expect(execution.gasUsed == 2 * 21_000 + 1_600)
  }
}
