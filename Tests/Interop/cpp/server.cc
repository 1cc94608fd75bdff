// gRPC C++ as the server of bulwark.interop.Interop, as Tests/Interop/README.md says what it does, on the synchronous
// API. Prints `listening on HOST:PORT`; ends with 0 after SIGTERM, when the calls in flight have ended.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "google/rpc/status.pb.h"
#include "interop/interop.grpc.pb.h"

namespace {

using namespace bulwark::interop;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// The synchronous API tells a handler that its call is cancelled only when it asks.
constexpr milliseconds kCancellationPoll{5};
constexpr std::chrono::seconds kGrace{5};
constexpr int kMaxRequestBytes = 8 << 20;

const grpc::Status kCancelled(grpc::StatusCode::CANCELLED, "the handler was told to stop");

// False when the call was cancelled before the time was over.
bool Pause(const grpc::ServerContext& context, uint32_t delay_ms) {
  const auto end = Clock::now() + milliseconds(delay_ms);
  while (Clock::now() < end) {
    if (context.IsCancelled()) return false;
    std::this_thread::sleep_until(std::min(end, Clock::now() + kCancellationPoll));
  }
  return true;
}

// What became of each call that has a key.
class Ledger {
 public:
  uint32_t Begin(const std::string& key) {
    const std::lock_guard lock(mutex_);
    entries_[key].end = HandlerEndResponse::END_UNSPECIFIED;
    return ++entries_[key].attempts;
  }

  void End(const std::string& key, bool cancelled) {
    const std::lock_guard lock(mutex_);
    entries_[key].end = cancelled ? HandlerEndResponse::END_CANCELLED : HandlerEndResponse::END_RETURNED;
    ended_.notify_all();
  }

  grpc::Status Wait(const grpc::ServerContext& context, const std::string& key, HandlerEndResponse* response) {
    std::unique_lock lock(mutex_);
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return grpc::Status::OK;
    while (entry->second.end == HandlerEndResponse::END_UNSPECIFIED) {
      ended_.wait_for(lock, kCancellationPoll);
      if (context.IsCancelled()) return kCancelled;
    }
    response->set_end(entry->second.end);
    return grpc::Status::OK;
  }

 private:
  struct Entry {
    uint32_t attempts = 0;
    HandlerEndResponse::End end = HandlerEndResponse::END_UNSPECIFIED;
  };

  std::mutex mutex_;
  std::condition_variable ended_;
  std::map<std::string, Entry> entries_;
};

// The span of one handler: metadata going back, and its end noted.
class Handling {
 public:
  Handling(Ledger* ledger, grpc::ServerContext* context) : ledger_(ledger), context_(context) {
    const auto deadline = context->deadline();
    if (deadline != std::chrono::system_clock::time_point::max()) {
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::system_clock::now());
      remaining_ms_ = std::max<int64_t>(1, left.count());
    }
    for (const auto& [name, value] : context->client_metadata()) {
      const std::string key(name.data(), name.size());
      if (key.rfind("x-echo-", 0) != 0) continue;
      context->AddInitialMetadata(key, std::string(value.data(), value.size()));
      context->AddTrailingMetadata(key, std::string(value.data(), value.size()));
    }
  }

  ~Handling() {
    if (!key_.empty()) ledger_->End(key_, context_->IsCancelled());
  }

  void Begin(const std::string& key) {
    key_ = key;
    if (!key.empty()) attempt_ = ledger_->Begin(key);
  }

  grpc::Status Fail(const Failure& failure) {
    if (failure.code() < 1 || failure.code() > 16) {
      return {grpc::StatusCode::INVALID_ARGUMENT,
              "failure.code must be 1 to 16, got " + std::to_string(failure.code())};
    }
    for (const auto& trailer : failure.trailers()) context_->AddTrailingMetadata(trailer.name(), trailer.value());
    std::string details;
    if (failure.details_size() > 0) {
      google::rpc::Status status;
      status.set_code(failure.code());
      status.set_message(failure.message());
      *status.mutable_details() = failure.details();
      details = status.SerializeAsString();
    }
    return {static_cast<grpc::StatusCode>(failure.code()), failure.message(), details};
  }

  grpc::Status Answer(const EchoRequest& request, EchoResponse* response) {
    if (!Pause(*context_, request.delay_ms())) return kCancelled;
    if (request.has_failure()) return Fail(request.failure());
    response->set_payload(request.payload());
    if (request.want_report()) {
      response->mutable_report()->set_deadline_remaining_ms(remaining_ms_);
      response->mutable_report()->set_attempt(attempt_);
    }
    return grpc::Status::OK;
  }

 private:
  Ledger* ledger_;
  grpc::ServerContext* context_;
  std::string key_;
  uint64_t remaining_ms_ = 0;
  uint32_t attempt_ = 0;
};

class InteropService final : public Interop::Service {
  grpc::Status Echo(grpc::ServerContext* context, const EchoRequest* request, EchoResponse* response) override {
    Handling handling(&ledger_, context);
    handling.Begin(request->key());
    return handling.Answer(*request, response);
  }

  grpc::Status Collect(grpc::ServerContext* context, grpc::ServerReader<EchoRequest>* requests,
                       CollectResponse* response) override {
    Handling handling(&ledger_, context);
    EchoRequest request;
    uint64_t bytes = 0;
    for (uint32_t messages = 0; requests->Read(&request);) {
      if (messages == 0) handling.Begin(request.key());
      if (request.has_failure()) return handling.Fail(request.failure());
      response->set_messages(++messages);
      response->set_payload_bytes(bytes += request.payload().size());
    }
    return grpc::Status::OK;
  }

  grpc::Status Expand(grpc::ServerContext* context, const ExpandRequest* request,
                      grpc::ServerWriter<EchoResponse>* responses) override {
    Handling handling(&ledger_, context);
    handling.Begin(request->key());
    for (int index = 0; index < request->sizes_size(); ++index) {
      EchoResponse response;
      response.set_payload(std::string(request->sizes(index), static_cast<char>(index)));
      if (!Pause(*context, request->delay_ms()) || !responses->Write(response)) return kCancelled;
    }
    return request->has_failure() ? handling.Fail(request->failure()) : grpc::Status::OK;
  }

  grpc::Status Converse(grpc::ServerContext* context,
                        grpc::ServerReaderWriter<EchoResponse, EchoRequest>* stream) override {
    Handling handling(&ledger_, context);
    EchoRequest request;
    for (bool is_first = true; stream->Read(&request); is_first = false) {
      if (is_first) handling.Begin(request.key());
      EchoResponse response;
      const grpc::Status status = handling.Answer(request, &response);
      if (!status.ok()) return status;
      if (!stream->Write(response)) return kCancelled;
    }
    return grpc::Status::OK;
  }

  grpc::Status HandlerEnd(grpc::ServerContext* context, const HandlerEndRequest* request,
                          HandlerEndResponse* response) override {
    return ledger_.Wait(*context, request->key(), response);
  }

  Ledger ledger_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::string(argv[1]) != "--listen") {
    std::fprintf(stderr, "usage: server --listen HOST:PORT\n");
    return 2;
  }
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  const std::string address = argv[2];
  int port = 0;
  InteropService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::fprintf(stderr, "cannot listen on %s\n", address.c_str());
    return 1;
  }
  std::printf("listening on %s:%d\n", address.substr(0, address.rfind(':')).c_str(), port);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ending, &signal);
  server->Shutdown(std::chrono::system_clock::now() + kGrace);
}
