#include "options.h"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "message.h"

namespace {

constexpr Kind kKinds[] = {Kind::kUnary, Kind::kServerStream, Kind::kClientStream, Kind::kBidi};

[[noreturn]] void Usage(const std::string& complaint) {
  std::fprintf(
      stderr,
      "load: %s\n"
      "usage: load --target HOST:PORT [OPTIONS]\n"
      "  --kind unary|server-stream|client-stream|bidi   what to call (default unary)\n"
      "  --connections N   --streams N   calls open at once on each connection (default 1 and 1)\n"
      "  --payload BYTES   of each message, at least %zu (default 100)\n"
      "  --messages N      that a stream carries (default 100)\n"
      "  --seconds S       --warm-up S   what is measured, and what goes before (default 5 and 0.5)\n"
      "  --rate N          open loop: calls a second, whether or not earlier ones were answered; unary only\n"
      "  --schedule poisson|constant     how they are spread over a second (default poisson)\n"
      "  --methods N       unary methods that take turns (default 1): bench.Many/Unary1 and so on for the others\n"
      "  --server PID      tells the processor time of this process for a call, too,\n"
      "  --windows N       in each of so many parts of the measured time (default 1)\n",
      complaint.c_str(), Message::kNumberBytes);
  std::exit(2);
}

Kind ParseKind(const std::string& name) {
  for (const Kind kind : kKinds) {
    if (name == Name(kind)) return kind;
  }
  Usage("there is no kind '" + name + "'");
}

}  // namespace

const char* Name(Kind kind) {
  switch (kind) {
    case Kind::kUnary:
      return "unary";
    case Kind::kServerStream:
      return "server-stream";
    case Kind::kClientStream:
      return "client-stream";
    case Kind::kBidi:
      return "bidi";
  }
  return "";
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  int messages = 100;
  if (argc % 2 == 0) Usage("each option has a value");
  for (int index = 1; index < argc; index += 2) {
    const std::string option = argv[index], value = argv[index + 1];
    try {
      if (option == "--target") {
        const size_t colon = value.rfind(':');
        if (colon == std::string::npos) Usage("the target '" + value + "' has no port");
        options.host = value.substr(0, colon);
        options.port = value.substr(colon + 1);
      } else if (option == "--kind") {
        options.kind = ParseKind(value);
      } else if (option == "--connections") {
        options.connections = std::stoi(value);
      } else if (option == "--streams") {
        options.streams = std::stoi(value);
      } else if (option == "--payload") {
        options.payload = std::stoul(value);
      } else if (option == "--messages") {
        messages = std::stoi(value);
      } else if (option == "--seconds") {
        options.seconds = std::stod(value);
      } else if (option == "--warm-up") {
        options.warm_up = std::stod(value);
      } else if (option == "--rate") {
        options.rate = std::stod(value);
      } else if (option == "--schedule") {
        if (value != "poisson" && value != "constant") Usage("there is no schedule '" + value + "'");
        options.is_poisson = value == "poisson";
      } else if (option == "--methods") {
        options.methods = std::stoi(value);
      } else if (option == "--server") {
        options.server = std::stoi(value);
      } else if (option == "--windows") {
        options.windows = std::stoi(value);
      } else {
        Usage("there is no option '" + option + "'");
      }
    } catch (const std::logic_error&) {
      Usage("'" + value + "' is no number for " + option);
    }
  }
  if (options.kind != Kind::kUnary) options.messages = messages;
  if (options.port.empty()) Usage("--target is missing");
  if (options.connections < 1 || options.streams < 1 || options.messages < 1) Usage("a count must be at least 1");
  if (options.methods < 1 || options.windows < 1 || options.server < 0) Usage("a count must be at least 1");
  if (options.methods > 1 && options.kind != Kind::kUnary) Usage("only unary methods can be many");
  if (options.payload < Message::kNumberBytes || options.payload > Message::kLongestPayload) {
    Usage("--payload is out of range");
  }
  if (!(options.seconds > 0) || !(options.warm_up >= 0) || !(options.rate >= 0)) Usage("a time or rate is negative");
  if (options.rate > 0 && options.kind != Kind::kUnary) Usage("the open loop is for unary calls");
  return options;
}
