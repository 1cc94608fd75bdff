#include "load.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace {

constexpr int64_t kSecond = 1'000'000'000;

// How long a server may take to take all connections.
constexpr int64_t kLongestOpening = 60 * kSecond;

int64_t TimeOf(clockid_t clock) {
  timespec time;
  if (clock_gettime(clock, &time) != 0) Fail("the server's processor time cannot be read");
  return time.tv_sec * kSecond + time.tv_nsec;
}

// The time that all threads of the process have computed so far, theirs in the kernel included.
int64_t ProcessorTime(pid_t process) {
  clockid_t clock;
  if (clock_getcpuclockid(process, &clock) != 0) Fail("there is no process " + std::to_string(process));
  return TimeOf(clock);
}

Recorder Window(const Options& options) {
  const int64_t begin = Now() + int64_t(options.warm_up * kSecond);
  return {begin, begin + int64_t(options.seconds * kSecond)};
}

}  // namespace

Load::Load(const Options& options)
    : options_(options),
      workload_(options),
      recorder_(Window(options)),
      schedule_(options, Now()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  // Timers of the open loop are due to the microsecond, not to the kernel's usual fifty.
  prctl(PR_SET_TIMERSLACK, 1);
  rlimit descriptors;
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
}

Load::~Load() { close(epoll_); }

void Load::Run() {
  Open();
  while (true) {
    const int64_t now = Now();
    if (now >= Boundary(marks_.size())) {
      const int64_t server_time = options_.server ? ProcessorTime(options_.server) : 0;
      marks_.push_back({recorder_.messages(), TimeOf(CLOCK_PROCESS_CPUTIME_ID), server_time});
      if (marks_.size() > size_t(options_.windows)) break;
    }
    if (IsOpenLoop()) OpenCallsThatAreDue(now);
    const int64_t boundary = Boundary(marks_.size());
    HandleEvents((IsOpenLoop() ? std::min(schedule_.next(), boundary) : boundary) - Now());
  }
  busy_ = double(marks_.back().own_time - marks_.front().own_time) / (recorder_.end() - recorder_.begin());
  for (int64_t now = Now(); unanswered_ > 0 && now < recorder_.end() + kSecond; now = Now()) {
    HandleEvents(recorder_.end() + kSecond - now);
  }
  RecordUnanswered(Now());
}

std::vector<double> Load::ServerCosts() const {
  std::vector<double> costs;
  for (size_t window = 1; options_.server && window < marks_.size(); ++window) {
    const Mark &begin = marks_[window - 1], &end = marks_[window];
    if (end.messages == begin.messages) Fail("no call was answered in a window");
    costs.push_back(double(end.server_time - begin.server_time) / (end.messages - begin.messages));
  }
  return costs;
}

// When the window ends, counted from 1; for 0, when the measured time begins.
int64_t Load::Boundary(size_t window) const {
  return recorder_.begin() + (recorder_.end() - recorder_.begin()) * int64_t(window) / options_.windows;
}

void Load::Open() {
  for (int number = 0; number < options_.connections; ++number) {
    connections_.push_back(std::make_unique<Connection>(
        options_, workload_, &recorder_, [this](Connection* connection, int64_t start) { Ended(connection, start); }));
  }
  for (const auto& connection : connections_) {
    epoll_event event{EPOLLIN, {connection.get()}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->socket(), &event) != 0) Fail(std::strerror(errno));
    Send(connection.get());
  }
  // Connecting many takes a while, and is not to be measured.
  for (const int64_t deadline = Now() + kLongestOpening; heard_ < connections_.size();) {
    if (Now() >= deadline) Fail("the server has not taken all connections in time");
    HandleEvents(deadline - Now());
  }
  recorder_ = Window(options_);
  schedule_ = Schedule(options_, Now());
  for (int place = 0; place < options_.streams; ++place) {
    for (const auto& connection : connections_) {
      IsOpenLoop() ? free_.push_back(connection.get()) : connection->Call(Now());
    }
  }
  for (const auto& connection : connections_) Send(connection.get());
}

void Load::OpenCallsThatAreDue(int64_t now) {
  std::vector<Connection*> called;
  for (; schedule_.next() <= now; schedule_.Advance()) {
    if (recorder_.IsMeasured(schedule_.next())) ++unanswered_;
    if (free_.empty()) {
      waiting_.push_back(schedule_.next());
      continue;
    }
    free_.front()->Call(schedule_.next());
    called.push_back(free_.front());
    free_.pop_front();
  }
  for (Connection* connection : called) Send(connection);
}

void Load::Ended(Connection* connection, int64_t start) {
  const int64_t now = Now();
  if (!IsOpenLoop()) {
    if (workload_.kind() != Kind::kBidi && recorder_.IsMeasured(now)) recorder_.RecordLatency(now - start);
    return connection->Call(now);
  }
  if (recorder_.IsMeasured(start)) {
    recorder_.RecordLatency(now - start);
    --unanswered_;
  }
  if (waiting_.empty()) return free_.push_back(connection);
  connection->Call(waiting_.front());
  waiting_.pop_front();
}

void Load::HandleEvents(int64_t timeout) {
  epoll_event events[256];
  const timespec wait{std::max<int64_t>(timeout, 0) / kSecond, std::max<int64_t>(timeout, 0) % kSecond};
  const int count = epoll_pwait2(epoll_, events, std::size(events), &wait, nullptr);
  for (int index = 0; index < count; ++index) {
    auto* connection = static_cast<Connection*>(events[index].data.ptr);
    if (events[index].events & ~EPOLLOUT) {
      const bool had_heard = connection->has_heard();
      connection->Receive();
      heard_ += connection->has_heard() && !had_heard;
    }
    Send(connection);
  }
}

void Load::Send(Connection* connection) {
  const bool was_full = connection->is_full();
  connection->Send();
  if (connection->is_full() == was_full) return;
  epoll_event event{uint32_t(was_full ? EPOLLIN : EPOLLIN | EPOLLOUT), {connection}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection->socket(), &event);
}

void Load::RecordUnanswered(int64_t now) {
  const auto record = [&](int64_t start) {
    if (IsOpenLoop() && recorder_.IsMeasured(start)) recorder_.RecordLatency(now - start);
  };
  for (const auto& connection : connections_) {
    for (const int64_t start : connection->OpenCalls()) record(start);
  }
  for (const int64_t start : waiting_) record(start);
}
