/// Rows of cells under a heading: the first column is words, the others are figures.
struct Table: Sendable {
  private var rows: [[String]]

  init(_ heading: String...) {
    self.rows = [heading]
  }

  mutating func add(_ cells: [String]) {
    self.rows.append(cells)
  }

  /// The lines, each column as wide as its widest cell. A row may have fewer cells than the heading.
  var lines: [String] {
    let columns = self.rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      self.rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return self.rows.map { cells in
      zip(cells.indices, cells).map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        guard column == 0 else { return padding + cell }
        return cells.count == 1 ? cell : cell + padding
      }.joined(separator: "  ")
    }
  }
}
