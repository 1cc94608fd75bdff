/// How names of a .proto file become Swift names.
enum Casing {
  /// `block_hash` becomes `blockHash`, `SyncInfo` `syncInfo`, `PREVOTE_NIL` `prevoteNil`, `URLPath` `urlPath`.
  static func lowerCamel(_ name: String) -> String {
    let words = Self.words(name)
    guard let first = words.first else { return name }
    return Self.lowercasedStart(first) + words.dropFirst().map(Self.capitalized).joined()
  }

  /// `new_block` becomes `NewBlock`, `kind` `Kind`.
  static func upperCamel(_ name: String) -> String {
    Self.words(name).map(Self.capitalized).joined()
  }

  /// A name that can stand as an identifier: it begins with a letter, or else with an underscore.
  static func identifier(_ name: String) -> String {
    guard let first = name.first else { return "_" }
    return first.isLetter || first == "_" ? name : "_" + name
  }

  /// The words between underscores. A word without lower-case letters is put in lower case.
  private static func words(_ name: String) -> [String] {
    name.split(separator: "_").map { word in
      word.contains(where: \.isLowercase) ? String(word) : word.lowercased()
    }
  }

  private static func capitalized(_ word: String) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  /// Puts the capitals that a word begins with in lower case, but for one that begins the next word.
  private static func lowercasedStart(_ word: String) -> String {
    let capitals = word.prefix(while: \.isUppercase)
    if capitals.count <= 1 || capitals.count == word.count {
      return capitals.lowercased() + word.dropFirst(capitals.count)
    }
    return capitals.dropLast().lowercased() + word.dropFirst(capitals.count - 1)
  }
}
