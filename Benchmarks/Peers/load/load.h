// A load on a server, from the first call to the last.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "connection.h"
#include "options.h"
#include "recorder.h"
#include "workload.h"

// When calls of the open loop are due. Two runs with the same options have the same schedule.
class Schedule {
 public:
  Schedule(const Options& options, int64_t start)
      : is_poisson_(options.is_poisson), mean_(1e9 / options.rate), next_(start) {}

  int64_t next() const { return int64_t(next_); }
  void Advance() { next_ += is_poisson_ ? gap_(random_) * mean_ : mean_; }

 private:
  bool is_poisson_;
  // Nanoseconds.
  double mean_, next_;
  std::mt19937_64 random_;
  std::exponential_distribution<double> gap_;
};

// Closed loop: each place on a connection makes a call as soon as its last one was answered. Open loop: calls are made
// when they are due; one that finds no free place waits for one, and its latency counts from when it was due, so a
// server that stalls is charged for every call that it kept waiting (no coordinated omission).
class Load {
 public:
  explicit Load(const Options& options);
  ~Load();
  Load(const Load&) = delete;

  void Run();

  const Recorder& recorder() const { return recorder_; }

  // Calls of the open loop that were due in the measured time and had no answer a second after it. Their latency was
  // recorded as what it had become by then.
  size_t unanswered() const { return unanswered_; }

  // The share of the measured time that this process computed: near 1, and it was not the server that was measured.
  double busy() const { return busy_; }

  // Nanoseconds that the server computed for each message, window by window of the measured time.
  std::vector<double> ServerCosts() const;

 private:
  // What had come, and what both programs had computed, when a window began or ended.
  struct Mark {
    uint64_t messages;
    int64_t own_time, server_time;
  };

  int64_t Boundary(size_t window) const;
  void Open();
  void OpenCallsThatAreDue(int64_t now);
  void Ended(Connection* connection, int64_t start);
  void HandleEvents(int64_t timeout);
  void Send(Connection* connection);
  void RecordUnanswered(int64_t now);
  bool IsOpenLoop() const { return options_.rate > 0; }

  const Options options_;
  const Workload workload_;
  Recorder recorder_;
  Schedule schedule_;
  int epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  // Open loop: each connection once for each place that is free, and the calls that found none.
  std::deque<Connection*> free_;
  std::deque<int64_t> waiting_;
  // Calls that were due in the measured time and are not answered.
  size_t unanswered_ = 0;
  // Connections that the server has taken.
  size_t heard_ = 0;
  std::vector<Mark> marks_;
  double busy_ = 0;
};
