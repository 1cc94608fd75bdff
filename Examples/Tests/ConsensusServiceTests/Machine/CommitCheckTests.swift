import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct CommitCheckTests {
  private let committee = Committee(powers: [10, 10, 10, 10, 10, 10, 10, 10, 10])

  /// A certificate that these validators signed.
  private func certificate(signers: [Int]) -> CommitCertificate {
    var tally = VoteTally()
    for index in signers {
      _ = tally.add(self.committee.vote(.precommit, by: index, for: hash(1), height: 7, round: 2), power: 10)
    }
    let id = BlockId.with { $0.hash = hash(1) }
    return CommitCertificate(height: 7, round: 2, blockID: id, precommits: tally, validatorCount: 9)
  }

  private func check(_ commit: CommitCertificate) throws -> CommitCheck {
    try CommitCheck(commit, validators: self.committee.chain.validators, chainID: "test")
  }

  @Test("the bitmap has the lowest bit first, and the signatures follow its order")
  func bitmap() {
    let commit = self.certificate(signers: [8, 0, 3])
    #expect(commit.signerBitmap == [0b0000_1001, 0b0000_0001])
    #expect(commit.signerIndices == [0, 3, 8])
    #expect(
      commit.signatures[1]
        == self.committee.vote(.precommit, by: 3, for: hash(1), height: 7, round: 2).signature
    )
  }

  @Test(
    "more than two thirds of the power is a proof, exactly two thirds is none",
    arguments: [(6, false), (7, true)]
  )
  func twoThirds(signers: Int, isProof: Bool) throws {
    let check = try self.check(self.certificate(signers: Array(0..<signers)))
    #expect(check.isProof == isProof)
    #expect(check.signedPower == UInt64(signers) * 10)
    #expect(check.badSigners.isEmpty)
  }

  @Test("wrong signatures are listed, carry no power, and make the certificate no proof")
  func badSigners() throws {
    var commit = self.certificate(signers: Array(0..<9))
    commit.signatures[2][0] ^= 1
    commit.signatures[8] = []
    commit.aggregateSignature = []
    let check = try self.check(commit)
    #expect(check.badSigners == [2, 8])
    #expect(check.signedPower == 70)
    #expect(!check.isProof)
  }

  @Test("a bit beyond the last validator is a bad signer")
  func bitBeyondTheLast() throws {
    var commit = self.certificate(signers: Array(0..<9))
    commit.signerBitmap[1] |= 0b1000_0000
    commit.signatures.append(commit.signatures[0])
    commit.aggregateSignature = []
    #expect(try self.check(commit).badSigners == [15])
  }

  @Test("a certificate is for one height, round and block", arguments: 0..<3)
  func bound(changed: Int) throws {
    var commit = self.certificate(signers: Array(0..<9))
    switch changed {
    case 0: commit.height = 8
    case 1: commit.round = 3
    default: commit.blockId?.hash = hash(2)
    }
    #expect(try self.check(commit).badSigners.count == 9)
  }

  @Test("an aggregate may be absent, but not wrong")
  func aggregate() throws {
    var commit = self.certificate(signers: Array(0..<9))
    commit.aggregateSignature = []
    #expect(try self.check(commit).isProof)
    commit.aggregateSignature = hash(1)
    #expect(try !self.check(commit).isProof)
  }

  @Test(
    "a wrong shape is named",
    arguments: [
      WrongInput("commit.block_id is missing") { $0.blockId = nil },
      WrongInput("commit.block_id.hash must be 32 bytes, got 0") { $0.blockId?.hash = [] },
      WrongInput("commit.signer_bitmap must be 2 bytes, got 1") { $0.signerBitmap = [1] },
      WrongInput("commit.signatures must hold one for each of the 9 bits of signer_bitmap, got 8") {
        $0.signatures.removeLast()
      },
    ] as [WrongInput<CommitCertificate>]
  )
  func wrongShape(wrong: WrongInput<CommitCertificate>) {
    var commit = self.certificate(signers: Array(0..<9))
    wrong.spoil(&commit)
    #expect(throws: wrong.refusal) { try self.check(commit) }
  }
}
