// Decodes and encodes a vote and a block with C++ protobuf: `messages --samples DIR --rounds N --seconds S`.
// DIR has the messages' bytes in the files `vote` and `block`. Prints nanoseconds of processor time per message, each
// round's, as JSON.
#include <google/protobuf/arena.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>

#include "consensus/v1/consensus.pb.h"

namespace {

std::string Contents(const std::string& path) {
  std::ostringstream contents;
  contents << std::ifstream(path).rdbuf();
  return contents.str();
}

void Check(bool holds) {
  if (holds) return;
  std::fprintf(stderr, "messages: a sample was not decoded, or encoded to other bytes\n");
  std::exit(1);
}

double Nanoseconds(const std::function<void()>& body, long iterations) {
  const std::clock_t start = std::clock();
  for (long index = 0; index < iterations; ++index) body();
  return double(std::clock() - start) * 1e9 / CLOCKS_PER_SEC / iterations;
}

void Report(const char* name, int rounds, double seconds, const std::function<void()>& body) {
  Nanoseconds(body, 10);
  const long iterations = std::max(10L, long(seconds * 1e9 / Nanoseconds(body, 1000)));
  std::printf("\"%s\": [", name);
  for (int round = 0; round < rounds; ++round) {
    std::printf("%s%.2f", round > 0 ? ", " : "", Nanoseconds(body, iterations));
  }
  std::printf("]");
}

template <typename Message>
void ReportBoth(const std::string& name, const std::string& bytes, int rounds, double seconds) {
  Message message;
  Check(message.ParseFromString(bytes) && message.SerializeAsString() == bytes);
  // An arena for each message with its first block at hand, as the documentation advises: the fastest way that keeps
  // nothing of the last message.
  alignas(8) static char block[1024];
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = sizeof block;
  Report((name + " decode").c_str(), rounds, seconds, [&] {
    google::protobuf::Arena arena(options);
    Check(google::protobuf::Arena::CreateMessage<Message>(&arena)->ParseFromString(bytes));
  });
  std::printf(", ");
  Report((name + " encode").c_str(), rounds, seconds,
         [&] { Check(message.SerializeAsString().size() == bytes.size()); });
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  for (int index = 1; index + 1 < argc; index += 2) options[argv[index]] = argv[index + 1];
  if (options.size() != 3) {
    std::fprintf(stderr, "usage: messages --samples DIR --rounds N --seconds S\n");
    return 2;
  }
  const std::string samples = options["--samples"];
  const int rounds = std::stoi(options["--rounds"]);
  const double seconds = std::stod(options["--seconds"]);
  std::printf("{");
  ReportBoth<consensus::v1::SubmitVoteRequest>("vote", Contents(samples + "/vote"), rounds, seconds);
  std::printf(", ");
  ReportBoth<consensus::v1::Block>("block", Contents(samples + "/block"), rounds, seconds);
  std::printf("}\n");
}
