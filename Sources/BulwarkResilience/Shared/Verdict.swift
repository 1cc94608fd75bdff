/// What one attempt says about whoever carried it out. There is one verdict for each permit, given when it is settled.
public enum Verdict: String, Hashable, Sendable, Codable, CaseIterable {
  /// It works: it answered, if only to say that the request was wrong.
  case success
  /// It failed.
  case failure
  /// Nothing was learned: the caller went away, a policy of ours refused, or there was no fair time to answer in.
  /// Gives a half-open probe's place back and counts nowhere.
  case neutral
}
