/// What a balancer learns from a call that is over.
package struct CallReport: Hashable, Sendable {
  /// What the call says about the endpoint.
  package enum Outcome: Hashable, Sendable {
    /// It answered, if only to say that the request was wrong.
    case success
    case failure
    /// Nothing was learned: the caller went away, or one of our policies refused.
    case neutral
  }

  package var outcome: Outcome
  /// From the start to the end of the call, in nanoseconds; less than nothing counts as nothing.
  package var latency: Int64
  /// What the endpoint said of its load in the trailers (gRFC A51, per call).
  package var load: LoadReport?

  package init(_ outcome: Outcome, latency: Int64, load: LoadReport? = nil) {
    self.outcome = outcome
    self.latency = latency
    self.load = load
  }
}

/// How busy an endpoint says that it is: the fields of `xds.data.orca.v3.OrcaLoadReport` that weights are made from.
package struct LoadReport: Hashable, Sendable {
  /// Calls a second.
  package var queriesPerSecond: Double
  /// Failed calls a second.
  package var errorsPerSecond: Double
  /// `application_utilization`, or `cpu_utilization` where that is not given; 1 is all there is, more is possible.
  package var utilization: Double

  package init(queriesPerSecond: Double, errorsPerSecond: Double = 0, utilization: Double) {
    self.queriesPerSecond = queriesPerSecond
    self.errorsPerSecond = errorsPerSecond
    self.utilization = utilization
  }
}
