/// Finds the word that was meant.
enum Spelling {
  /// The candidate that differs least from the word, letters in any case: by at most two edits, and in fewer than a
  /// third of the letters. Nil if there is none.
  static func nearest(to word: String, among candidates: [String]) -> String? {
    let near = candidates.sorted()
      .map { (candidate: $0, distance: Self.distance(word.lowercased(), $0.lowercased())) }
      .min { $0.distance < $1.distance }
    guard let near, near.distance <= 2, near.distance * 3 < word.count else { return nil }
    return near.candidate
  }

  /// How many letters must be added, left out or replaced (Levenshtein).
  private static func distance(_ first: String, _ second: String) -> Int {
    let second = Array(second)
    var row = Array(0...second.count)
    for (index, character) in first.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in second.indices {
        let replaced = diagonal + (character == second[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
      }
    }
    return row[second.count]
  }
}
