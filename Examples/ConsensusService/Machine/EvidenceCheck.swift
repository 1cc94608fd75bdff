import BulwarkProtobuf

extension Evidence {
  /// The proof that a validator voted for two blocks in one round.
  static func duplicateVote(_ first: Vote, _ second: Vote) -> Evidence {
    Evidence.with {
      $0.kind = .duplicateVote(
        .with {
          $0.first = first
          $0.second = second
        }
      )
    }
  }

  /// The report of a proposal that its proposer should not have made.
  static func invalidProposal(_ id: BlockId, reason: String) -> Evidence {
    Evidence.with {
      $0.kind = .invalidProposal(
        .with {
          $0.blockId = id
          $0.reason = reason
        }
      )
    }
  }

  /// Why a block must not carry this evidence, or nil if it proves what it says.
  ///
  /// Only double votes can be proven to a third party; a report of an invalid proposal proves nothing by itself.
  func problem(validators: ValidatorSet, chainID: String) -> String? {
    guard case .duplicateVote(let pair) = self.kind, let first = pair.first, let second = pair.second else {
      return "holds no pair of votes"
    }
    guard first.type == second.type, first.height == second.height, first.round == second.round,
      first.validatorIndex == second.validatorIndex, first.blockHash != second.blockHash
    else { return "holds two votes that do not conflict" }
    guard let validator = validators[first.validatorIndex] else {
      return "accuses validator \(first.validatorIndex), which does not exist"
    }
    let key = MockKey(publicKey: validator.publicKey)
    guard key.verifies(first.signature, over: first.signBytes(chainID: chainID)),
      key.verifies(second.signature, over: second.signBytes(chainID: chainID))
    else { return "holds a vote whose signature does not verify" }
    return nil
  }
}
