/// The part of an enumeration value's name that repeats the name of the enumeration.
enum EnumPrefix {
  /// `VOTE_TYPE_PREVOTE` of `VoteType` becomes `PREVOTE`. A name that would not be an identifier any more, as
  /// `VERSION_1` of `Version` would, stays whole.
  static func strip(_ enumeration: String, from value: String) -> String {
    var rest = Substring(value)
    for letter in enumeration where letter != "_" {
      if rest.first == "_" { rest.removeFirst() }
      guard let next = rest.first, next.lowercased() == letter.lowercased() else { return value }
      rest.removeFirst()
    }
    guard rest.first == "_" else { return value }
    rest = rest.drop { $0 == "_" }
    return rest.first?.isLetter == true ? String(rest) : value
  }
}
