/// Decides what is done with the contents of a file that is looked at again and again.
///
/// Contents are taken when two looks in a row have found the same: an editor that writes in two steps leaves, for a
/// moment, a file that is a shorter one and may be a valid one. Contents that were refused are not tried again.
struct PolicyFileMachine {
  /// What is done about one look.
  enum Action: Hashable {
    case nothing
    /// Try these contents, and say so with ``accepted(_:)`` or ``rejected(_:)``.
    case take(String)
    /// Tell that the file is not there, or cannot be read. Once, until it can be read again.
    case reportUnreadable(FileText)
    /// Tell that the file holds again what is in force.
    case reportRecovered
  }

  /// What is in force.
  private(set) var accepted: String?
  /// What was refused since.
  private(set) var rejected: String?
  /// What the last look found, if it is to be taken when the next one finds it too.
  private var unsettled: String?
  /// What was last told of a file that cannot be read.
  private var unreadable: FileText?

  /// The interval has passed, and this is what is there.
  mutating func looked(_ file: FileText) -> Action {
    let wasUnreadable = self.unreadable != nil
    guard case .text(let text) = file else {
      self.unsettled = nil
      guard self.unreadable != file else { return .nothing }
      self.unreadable = file
      return .reportUnreadable(file)
    }
    if text == self.accepted {
      let isRecovered = wasUnreadable || self.rejected != nil
      (self.unreadable, self.rejected, self.unsettled) = (nil, nil, nil)
      return isRecovered ? .reportRecovered : .nothing
    }
    self.unreadable = nil
    if text == self.rejected {
      self.unsettled = nil
      return .nothing
    }
    if text == self.unsettled { return .take(text) }
    self.unsettled = text
    return .nothing
  }

  /// The contents are in force.
  mutating func accepted(_ text: String) {
    (self.accepted, self.rejected, self.unsettled, self.unreadable) = (text, nil, nil, nil)
  }

  /// The contents were refused; what was in force stays in force.
  mutating func rejected(_ text: String) {
    (self.rejected, self.unsettled, self.unreadable) = (text, nil, nil)
  }
}
