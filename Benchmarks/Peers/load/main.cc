// Loads a server of bench.Echo over plain HTTP/2 and prints what came of it as JSON. One thread, epoll and libnghttp2,
// and nothing of any gRPC implementation; every response is compared with its request.
#include <cstdio>

#include "load.h"
#include "options.h"

int main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  Load load(options);
  load.Run();
  const Histogram& latencies = load.recorder().latencies();
  const double rate = load.recorder().messages() / options.seconds;
  std::printf("{\"kind\": \"%s\", \"connections\": %d, \"streams\": %d, \"payload_bytes\": %zu, ", Name(options.kind),
              options.connections, options.streams, options.payload);
  std::printf("\"messages_per_call\": %d, \"seconds\": %g, \"warm_up_seconds\": %g, ", options.messages,
              options.seconds, options.warm_up);
  std::printf("\"loop\": \"%s\", \"calls_due_per_second\": %g, ",
              options.rate == 0    ? "closed"
              : options.is_poisson ? "open, poisson"
                                   : "open, constant",
              options.rate);
  std::printf("\"window_bytes\": %d, ", kWindow);
  std::printf("\"messages_per_second\": %.1f, \"megabytes_per_second\": %.3f, ", rate, rate * options.payload / 1e6);
  std::printf("\"latency_microseconds\": {");
  for (const double percent : {50.0, 90.0, 99.0, 99.9}) {
    std::printf("\"p%g\": %.1f, ", percent, latencies.Percentile(percent) / 1e3);
  }
  std::printf("\"max\": %.1f}, \"unanswered\": %zu, \"busy\": %.3f, ", latencies.max() / 1e3, load.unanswered(),
              load.busy());
  std::printf("\"server_microseconds_per_message\": [");
  const char* separator = "";
  for (const double cost : load.ServerCosts()) {
    std::printf("%s%.3f", separator, cost / 1e3);
    separator = ", ";
  }
  std::printf("]}\n");
}
