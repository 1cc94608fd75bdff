import Testing

@testable import ConsensusService

/// The leaves and roots that Certificate Transparency tests its implementations of RFC 6962 with.
private let leaves: [[UInt8]] = [
  [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43], Array(0x50...0x57),
  Array(0x60...0x6f),
]
private let roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

@Suite struct MerkleTreeTests {
  @Test("the root over the first n leaves is that of RFC 6962", arguments: 0...8)
  func rootOfRFC(count: Int) {
    let hashes = leaves.prefix(count).map { MerkleTree.leafHash($0) }
    #expect(MerkleTree.root(ofLeafHashes: hashes).hexadecimal == roots[count])
  }

  @Test("every leaf of every small tree proves that it belongs to the root", arguments: 1...17)
  func everyProofLeadsToTheRoot(count: Int) {
    let hashes = (0..<count).map { MerkleTree.leafHash([UInt8($0)]) }
    for index in 0..<count {
      let proof = MerkleTree.proof(forLeaf: index, ofLeafHashes: hashes)
      let root = MerkleTree.root(fromLeafHash: hashes[index], at: index, of: count, proof: proof)
      #expect(root == MerkleTree.root(ofLeafHashes: hashes))
    }
  }

  @Test("a proof for another place leads to another root or to none", arguments: 2...9)
  func proofsAreBoundToTheirPlace(count: Int) {
    let hashes = (0..<count).map { MerkleTree.leafHash([UInt8($0)]) }
    let expected = MerkleTree.root(ofLeafHashes: hashes)
    for index in 0..<count {
      let proof = MerkleTree.proof(forLeaf: index, ofLeafHashes: hashes)
      for other in 0..<count where other != index {
        #expect(MerkleTree.root(fromLeafHash: hashes[index], at: other, of: count, proof: proof) != expected)
      }
    }
  }

  @Test("a proof that is too long or too short leads nowhere")
  func proofsHaveOneLength() {
    let hashes = (0..<5).map { MerkleTree.leafHash([UInt8($0)]) }
    let proof = MerkleTree.proof(forLeaf: 1, ofLeafHashes: hashes)
    #expect(MerkleTree.root(fromLeafHash: hashes[1], at: 1, of: 5, proof: proof + [hash(0)]) == nil)
    #expect(MerkleTree.root(fromLeafHash: hashes[1], at: 1, of: 5, proof: proof.dropLast()) == nil)
  }

  @Test("a place outside the tree has no proof and no root")
  func placesOutsideTheTree() {
    let hashes = [hash(1), hash(2)]
    #expect(MerkleTree.proof(forLeaf: 2, ofLeafHashes: hashes).isEmpty)
    #expect(MerkleTree.root(fromLeafHash: hash(1), at: 2, of: 2, proof: []) == nil)
    #expect(MerkleTree.root(fromLeafHash: hash(1), at: -1, of: 2, proof: []) == nil)
    #expect(MerkleTree.root(fromLeafHash: hash(1), at: 0, of: 0, proof: []) == nil)
  }

  @Test("an inner node cannot be passed off as a leaf")
  func innerNodesAreNoLeaves() {
    let pair = [MerkleTree.leafHash([1]), MerkleTree.leafHash([2])]
    #expect(MerkleTree.leafHash(pair[0] + pair[1]) != MerkleTree.root(ofLeafHashes: pair))
  }
}
