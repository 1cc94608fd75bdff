// What is signed. Timestamps and extensions of votes are not: a certificate holds neither, and must be checkable.

extension Vote {
  /// Domain `bulwark.mock.vote`, then chain, type (1 or 2), height, round and block hash.
  func signBytes(chainID: String) -> CanonicalBytes {
    var bytes = CanonicalBytes(domain: "bulwark.mock.vote")
    bytes.append(chainID)
    bytes.append(UInt64(self.type == .precommit ? 2 : 1))
    bytes.append(self.height)
    bytes.append(self.round)
    bytes.append(self.blockHash)
    return bytes
  }

  /// The vote with the signature of this key.
  public func signed(by key: MockKey, chainID: String) -> Vote {
    var vote = self
    vote.signature = key.sign(self.signBytes(chainID: chainID))
    return vote
  }
}

extension ProposeBlockRequest {
  /// Domain `bulwark.mock.proposal`, then pol_round (as the 64-bit two's complement) and block hash.
  ///
  /// The hash covers chain, height and round.
  func signBytes(blockHash: [UInt8]) -> CanonicalBytes {
    var bytes = CanonicalBytes(domain: "bulwark.mock.proposal")
    bytes.append(UInt64(bitPattern: Int64(self.polRound)))
    bytes.append(blockHash)
    return bytes
  }

  /// The proposal with the signature of this key. Without a block header there is nothing to sign.
  public func signed(by key: MockKey) -> ProposeBlockRequest {
    guard let header = self.block?.header else { return self }
    var proposal = self
    proposal.signature = key.sign(self.signBytes(blockHash: header.canonicalHash))
    return proposal
  }
}

extension Validator {
  /// Domain `bulwark.mock.possession`, then chain, address and voting power.
  func possessionBytes(chainID: String) -> CanonicalBytes {
    var bytes = CanonicalBytes(domain: "bulwark.mock.possession")
    bytes.append(chainID)
    bytes.append(self.address)
    bytes.append(self.votingPower)
    return bytes
  }

  /// The proof that the owner of the key asks for this registration, for `RegisterValidatorRequest`.
  public func proofOfPossession(chainID: String) -> [UInt8] {
    MockKey(publicKey: self.publicKey).sign(self.possessionBytes(chainID: chainID))
  }
}
