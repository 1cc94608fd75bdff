// What is counted, and when.
#pragma once

#include <time.h>

#include <cstdint>

#include "histogram.h"

// Nanoseconds of a clock that only goes forward.
inline int64_t Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

// The measured time: it counts what ends in it.
class Recorder {
 public:
  Recorder(int64_t begin, int64_t end) : begin_(begin), end_(end) {}

  int64_t begin() const { return begin_; }
  int64_t end() const { return end_; }
  bool IsMeasured(int64_t time) const { return time >= begin_ && time < end_; }

  void Count(int64_t now, uint64_t messages) {
    if (IsMeasured(now)) messages_ += messages;
  }

  void RecordLatency(int64_t nanoseconds) { latencies_.Record(nanoseconds); }

  uint64_t messages() const { return messages_; }
  const Histogram& latencies() const { return latencies_; }

 private:
  int64_t begin_, end_;
  uint64_t messages_ = 0;
  Histogram latencies_;
};
