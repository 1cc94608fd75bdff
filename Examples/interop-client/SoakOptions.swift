import ArgumentParser

/// What `rpc_soak` and `channel_soak` do; the names and defaults are those of gRPC's own clients.
struct SoakOptions: ParsableArguments {
  @Option(name: .customLong("soak_iterations"), help: "How many calls each thread makes.")
  var iterations = 10

  @Option(name: .customLong("soak_num_threads"), help: "How many call at once.")
  var threads = 1

  @Option(name: .customLong("soak_max_failures"), help: "How many calls may fail or be late.")
  var maxFailures = 0

  @Option(
    name: .customLong("soak_per_iteration_max_acceptable_latency_ms"),
    help: "What a call may take, in milliseconds."
  )
  var maxLatencyMilliseconds = 1000

  @Option(
    name: .customLong("soak_min_time_ms_between_rpcs"),
    help: "From one start to the next, in milliseconds."
  )
  var minTimeMilliseconds = 0

  @Option(
    name: .customLong("soak_overall_timeout_seconds"),
    help: "What all calls together may take, in seconds."
  )
  var overallTimeoutSeconds = 10

  @Option(name: .customLong("soak_request_size"), help: "The bytes of each request's payload.")
  var requestSize = 271_828

  @Option(name: .customLong("soak_response_size"), help: "The bytes of each response's payload.")
  var responseSize: Int32 = 314_159

  func validate() throws {
    guard self.iterations > 0, self.threads > 0 else {
      throw ValidationError("--soak_iterations and --soak_num_threads are at least 1")
    }
    guard self.requestSize >= 0, self.responseSize >= 0 else {
      throw ValidationError("--soak_request_size and --soak_response_size are at least 0")
    }
  }

  /// After which the program has hung, whatever it runs.
  var limit: Duration { .seconds(self.overallTimeoutSeconds + 20) }
}
