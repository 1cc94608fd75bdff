import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience

/// The annotations of one source while it is read: each value with the place that it was read from.
struct Annotations {
  /// Where a value was read, and as what.
  struct Place {
    let path: String
    let line: Int?
    let value: String
  }

  struct Annotation {
    let path: String
    let line: Int?
    var policy = MethodPolicy()
    var places: [String: Place] = [:]
  }

  let source: String
  private(set) var annotations: [PolicySelector: Annotation] = [:]
  private(set) var problems: [ConfigurationProblem] = []

  init(source: String) {
    self.source = source
  }

  /// Notes a problem.
  mutating func report(line: Int?, path: String, _ reason: String) {
    self.problems.append(ConfigurationProblem(source: self.source, line: line, path: path, reason: reason))
  }

  /// Begins an annotation. Answers false, and notes the problem, if the selector has one already.
  mutating func begin(_ selector: PolicySelector, path: String, line: Int?) -> Bool {
    if let earlier = self.annotations[selector] {
      let place = earlier.line.map { "on line \($0)" } ?? "as \(earlier.path)"
      self.report(
        line: line,
        path: path,
        "is \(selector) again, which stands \(place); allowed: each selector once"
      )
      return false
    }
    self.annotations[selector] = Annotation(path: path, line: line)
    return true
  }

  /// Sets a field of an annotation that was begun; a value that is not allowed is noted as a problem.
  mutating func set(_ key: String, to value: PolicyValue, for selector: PolicySelector, at place: Place) {
    do throws(InvalidOption) {
      try self.annotations[selector]?.policy.set(key, to: value)
      self.annotations[selector]?.places[key] = place
    } catch {
      self.report(line: place.line, path: place.path, "is \(error.value); allowed: \(error.allowed)")
    }
  }

  /// The set, if nothing is wrong with it.
  ///
  /// What a selector sets must be in range together with what less specific selectors of the same source set.
  func finished() throws(ConfigurationError) -> PolicySet {
    let problems = self.problems + self.annotations.flatMap { self.outOfRange($0.key, $0.value) }
    guard problems.isEmpty else { throw ConfigurationError(problems) }
    return PolicySet(source: self.source, self.annotations.mapValues(\.policy))
  }

  private func outOfRange(_ selector: PolicySelector, _ annotation: Annotation) -> [ConfigurationProblem] {
    let whole = selector.lessSpecific.reduce(annotation.policy) { policy, other in
      self.annotations[other].map { policy.filled(from: $0.policy) } ?? policy
    }
    return whole.outOfRange.compactMap { error in
      if let place = annotation.places[error.field] {
        return ConfigurationProblem(
          source: self.source,
          line: place.line,
          path: place.path,
          value: place.value,
          allowed: error.allowed
        )
      }
      // The value is the default, or a less specific selector's. It is this one's problem if this one has a part in it.
      let section = error.field.prefix { $0 != "." } + "."
      let parts = annotation.places.filter { $0.key.hasPrefix(section) }.values
      guard let part = parts.min(by: { ($0.line ?? 0, $0.path) < ($1.line ?? 0, $1.path) }) else {
        return nil
      }
      return ConfigurationProblem(
        source: self.source,
        line: part.line,
        path: part.path,
        reason: "does not go with \(error.field), which is \(error.value); allowed: \(error.allowed)"
      )
    }
  }
}
