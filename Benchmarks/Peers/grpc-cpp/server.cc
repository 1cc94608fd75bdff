// bench.Echo on gRPC C++'s callback API: `server --listen HOST:PORT [--tls-cert FILE --tls-key FILE]`, PEM files.
// Prints `listening on HOST:PORT`, as our bench-server does.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "echo.grpc.pb.h"

namespace {

// The windows and the limit of streams that every server has here.
constexpr int kStreamWindow = 1 << 20;
constexpr int kConcurrentStreams = 256;

class ClientStream final : public grpc::ServerReadReactor<bench::Msg> {
 public:
  explicit ClientStream(bench::Msg* response) : response_(response) { StartRead(&request_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    response_->Swap(&request_);
    StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  bench::Msg request_;
  bench::Msg* response_;
};

class ServerStream final : public grpc::ServerWriteReactor<bench::Msg> {
 public:
  ServerStream(const bench::Msg* request, int count) : request_(request), left_(count) { Write(); }
  void OnWriteDone(bool ok) override { ok ? Write() : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void Write() {
    if (left_ == 0) return Finish(grpc::Status::OK);
    --left_;
    // Lets the library put messages together until its buffer is full, which doubles the rate and more. The first one
    // cannot have it: it goes with the headers, and without a flush this version never calls OnWriteDone for the two.
    auto options = grpc::WriteOptions();
    if (!is_first_) options.set_buffer_hint();
    is_first_ = false;
    left_ > 0 ? StartWrite(request_, options) : StartWriteAndFinish(request_, {}, grpc::Status::OK);
  }

  const bench::Msg* request_;
  int left_;
  bool is_first_ = true;
};

class Bidi final : public grpc::ServerBidiReactor<bench::Msg, bench::Msg> {
 public:
  Bidi() { StartRead(&message_); }
  void OnReadDone(bool ok) override { ok ? StartWrite(&message_) : Finish(grpc::Status::OK); }
  void OnWriteDone(bool ok) override { ok ? StartRead(&message_) : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  bench::Msg message_;
};

class Echo final : public bench::Echo::CallbackService {
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const bench::Msg* request,
                                  bench::Msg* response) override {
    *response = *request;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerReadReactor<bench::Msg>* ClientStream(grpc::CallbackServerContext*, bench::Msg* response) override {
    return new ::ClientStream(response);
  }

  grpc::ServerWriteReactor<bench::Msg>* ServerStream(grpc::CallbackServerContext* context,
                                                     const bench::Msg* request) override {
    const auto count = context->client_metadata().find("x-bench-messages");
    return new ::ServerStream(request, count == context->client_metadata().end()
                                           ? 1
                                           : std::stoi(std::string(count->second.data(), count->second.size())));
  }

  grpc::ServerBidiReactor<bench::Msg, bench::Msg>* Bidi(grpc::CallbackServerContext*) override { return new ::Bidi; }
};

std::string Contents(const std::string& path) {
  std::ostringstream contents;
  contents << std::ifstream(path).rdbuf();
  return contents.str();
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  for (int index = 1; index + 1 < argc; index += 2) options[argv[index]] = argv[index + 1];
  const std::string address = options["--listen"];
  if (address.empty()) {
    std::fprintf(stderr, "usage: server --listen HOST:PORT [--tls-cert FILE --tls-key FILE]\n");
    return 2;
  }
  auto credentials = grpc::InsecureServerCredentials();
  if (options.count("--tls-cert")) {
    grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs = {{Contents(options["--tls-key"]), Contents(options["--tls-cert"])}};
    credentials = grpc::SslServerCredentials(tls);
  }
  int port = 0;
  Echo service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, credentials, &port);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindow);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kConcurrentStreams);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::fprintf(stderr, "cannot listen on %s\n", address.c_str());
    return 1;
  }
  std::printf("listening on %s:%d\n", address.substr(0, address.rfind(':')).c_str(), port);
  std::fflush(stdout);
  server->Wait();
}
