// Unary calls of bench.Echo on gRPC C++'s callback API, so many in flight on one channel for so long.
// Prints one line per concurrency: `CONCURRENCY CALLS_PER_SECOND`.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include "echo.grpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;

// What goes before the measured time, as in our bench-client.
constexpr auto kWarmUp = std::chrono::milliseconds(500);

class Load {
 public:
  Load(bench::Echo::Stub* stub, int concurrency, size_t payload) : stub_(stub), live_(concurrency) {
    request_.set_payload(std::string(payload, 'p'));
  }

  double Run(std::chrono::duration<double> time) {
    const int concurrency = live_;
    for (int call = 0; call < concurrency; ++call) Call();
    std::this_thread::sleep_for(kWarmUp);
    const auto start = Clock::now();
    const long before = answered_;
    std::this_thread::sleep_for(time);
    const long answered = answered_ - before;
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    stopping_ = true;
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return live_ == 0; });
    return answered / elapsed.count();
  }

 private:
  struct Exchange {
    grpc::ClientContext context;
    bench::Msg response;
  };

  void Call() {
    auto* exchange = new Exchange;
    stub_->async()->Unary(&exchange->context, &request_, &exchange->response, [this, exchange](grpc::Status status) {
      if (!status.ok() || exchange->response.payload() != request_.payload()) {
        std::fprintf(stderr, "%s\n", status.ok() ? "the echo is wrong" : status.error_message().c_str());
        std::exit(1);
      }
      delete exchange;
      ++answered_;
      if (!stopping_) return Call();
      const std::lock_guard lock(mutex_);
      if (--live_ == 0) ended_.notify_one();
    });
  }

  bench::Echo::Stub* stub_;
  bench::Msg request_;
  std::atomic<long> answered_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable ended_;
  std::atomic<int> live_;
};

}  // namespace

int main(int argc, char** argv) {
  std::string target, concurrencies = "1,32,100";
  double seconds = 3;
  size_t payload = 100;
  for (int index = 1; index + 1 < argc; index += 2) {
    const std::string option = argv[index], value = argv[index + 1];
    if (option == "--target") target = value;
    if (option == "--concurrency") concurrencies = value;
    if (option == "--seconds") seconds = std::stod(value);
    if (option == "--payload") payload = std::stoul(value);
  }
  if (target.empty()) {
    std::fprintf(stderr, "usage: client --target HOST:PORT [--concurrency N,N…] [--seconds S] [--payload BYTES]\n");
    return 2;
  }
  const auto channel = grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
  const auto stub = bench::Echo::NewStub(channel);
  std::istringstream list(concurrencies);
  for (std::string item; std::getline(list, item, ',');) {
    Load load(stub.get(), std::stoi(item), payload);
    std::printf("%s %.0f\n", item.c_str(), load.Run(std::chrono::duration<double>(seconds)));
    std::fflush(stdout);
  }
}
