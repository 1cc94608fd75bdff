import BulwarkCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// How loaded one endpoint is, by the calls that it was given.
///
/// The latency is Finagle's peak EWMA (`PeakEwma.scala`): a longer one than the estimate takes its place at once, a
/// shorter one pulls it down by 1 - exp(-t / decay), t being the time since the last. It goes on falling while nothing
/// comes, so an endpoint that was slow is tried again.
struct EndpointLoad: Sendable {
  /// More than any latency times any number of calls.
  private static let unknown = 1e30

  private(set) var active = 0
  /// Nanoseconds; zero before the first call has ended.
  private var latency = 0.0
  private var observed: MonotonicInstant?

  mutating func started() {
    self.active += 1
  }

  mutating func ended(_ report: CallReport, penalty: Double, decay: Double, now: MonotonicInstant) {
    if self.active > 0 { self.active -= 1 }
    let latency = Double(max(report.latency, 1))
    switch report.outcome {
    case .success: self.observe(latency, decay: decay, now: now)
    case .failure: self.observe(max(latency, penalty), decay: decay, now: now)
    // Nobody waited for its end, so all that is known is that the answer takes longer than that.
    case .neutral:
      if latency > self.estimate(decay: decay, now: now) { self.observe(latency, decay: decay, now: now) }
    }
  }

  /// The expected latency of one more call. An endpoint without history gets one call, and no second before that is over.
  func cost(decay: Double, now: MonotonicInstant) -> Double {
    let estimate = self.estimate(decay: decay, now: now)
    if estimate == 0, self.active > 0 { return Self.unknown + Double(self.active) }
    return estimate * Double(self.active + 1)
  }

  private func estimate(decay: Double, now: MonotonicInstant) -> Double {
    self.latency * self.weight(decay: decay, now: now)
  }

  private mutating func observe(_ latency: Double, decay: Double, now: MonotonicInstant) {
    let weight = self.weight(decay: decay, now: now)
    let decayed = self.latency * weight
    self.latency = latency > decayed ? latency : decayed + latency * (1 - weight)
    self.observed = now
  }

  private func weight(decay: Double, now: MonotonicInstant) -> Double {
    guard let observed, now > observed else { return 1 }
    return exp(
      -Double(now.nanoseconds.subtractingReportingOverflow(observed.nanoseconds).partialValue) / decay
    )
  }
}
