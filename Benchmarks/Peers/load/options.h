// What to load a server with, as the command line says it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

enum class Kind { kUnary, kServerStream, kClientStream, kBidi };

struct Options {
  std::string host, port;
  Kind kind = Kind::kUnary;
  int connections = 1;
  // Calls that a connection has open at once.
  int streams = 1;
  size_t payload = 100;
  // What a stream carries; a unary call carries one.
  int messages = 1;
  double seconds = 5, warm_up = 0.5;
  // Calls per second of the open loop, over all connections; 0 is the closed loop.
  double rate = 0;
  // Whether calls of the open loop come at random (a Poisson process) or evenly.
  bool is_poisson = true;
  // Unary methods that take turns: bench.Echo/Unary, then bench.Many/Unary1 and so on.
  int methods = 1;
  // The process whose processor time is told for each of so many windows of the measured time; 0 for none.
  int server = 0, windows = 1;
};

// Prints what is wrong and ends the process if it cannot be done.
Options ParseOptions(int argc, char** argv);

// The name of the kind on the command line and in the report.
const char* Name(Kind kind);
