// gRPC C++ as the client of bulwark.interop.Interop: runs one case, prints `ok NAME` and ends with 0, or prints
// `failed NAME: WHY` and ends with 1. `client --list` prints the names.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "interop/interop.grpc.pb.h"

namespace {

using namespace bulwark::interop;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Stub = Interop::Stub;

constexpr milliseconds kTimeout{5'000};
constexpr milliseconds kLongTimeout{20'000};
const std::vector<uint32_t> kSizes = {27182, 8, 1828, 45904};

void Expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

std::string Describe(const grpc::Status& status) {
  return "code " + std::to_string(status.error_code()) + " `" + status.error_message() + "`";
}

void ExpectOK(const grpc::Status& status) { Expect(status.ok(), "expected OK, got " + Describe(status)); }

void ExpectCode(const grpc::Status& status, int code) {
  Expect(status.error_code() == code, "expected code " + std::to_string(code) + ", got " + Describe(status));
}

void ExpectStatus(const grpc::Status& status, int code, const std::string& message) {
  ExpectCode(status, code);
  Expect(status.error_message() == message, "expected the message `" + message + "`, got " + Describe(status));
}

// A context whose call ends after so long.
struct Context : grpc::ClientContext {
  explicit Context(milliseconds timeout = kTimeout) { set_deadline(std::chrono::system_clock::now() + timeout); }
};

EchoRequest Payload(size_t size) {
  EchoRequest request;
  std::string payload(size, 0);
  for (size_t index = 0; index < size; ++index) payload[index] = static_cast<char>(index % 251);
  request.set_payload(payload);
  return request;
}

EchoRequest Held(const std::string& key) {
  EchoRequest request;
  request.set_key(key);
  request.set_delay_ms(60'000);
  return request;
}

void ExpectCancelledHandler(Stub& stub, const std::string& key) {
  Context context;
  HandlerEndRequest request;
  HandlerEndResponse response;
  request.set_key(key);
  ExpectOK(stub.HandlerEnd(&context, request, &response));
  Expect(response.end() == HandlerEndResponse::END_CANCELLED, "the handler was not told that its call is cancelled");
}

// A HandlerEnd that runs into its deadline shows that the handler has begun and not ended.
void WaitUntilHandlerRuns(Stub& stub, const std::string& key) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    Context context(milliseconds(100));
    HandlerEndRequest request;
    HandlerEndResponse response;
    request.set_key(key);
    const grpc::Status status = stub.HandlerEnd(&context, request, &response);
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return;
    ExpectOK(status);
    Expect(response.end() == HandlerEndResponse::END_UNSPECIFIED, "the handler has ended already");
  }
  throw std::runtime_error("no handler was seen to run");
}

// A unary call that its caller need not wait for.
class EchoCall {
 public:
  EchoCall(Stub& stub, EchoRequest request, milliseconds timeout) : context_(timeout), request_(std::move(request)) {
    stub.async()->Echo(&context_, &request_, &response_, [this](grpc::Status status) {
      const std::lock_guard lock(mutex_);
      status_ = std::move(status);
      has_ended_ = true;
      ended_.notify_one();
    });
  }

  void Cancel() { context_.TryCancel(); }

  const grpc::Status& Wait() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return has_ended_; });
    return status_;
  }

  bool IsEchoed() const { return response_.payload() == request_.payload(); }

 private:
  Context context_;
  EchoRequest request_;
  EchoResponse response_;
  grpc::Status status_;
  bool has_ended_ = false;
  std::mutex mutex_;
  std::condition_variable ended_;
};

// The call kinds

void Unary(Stub& stub, size_t size) {
  EchoCall call(stub, Payload(size), kTimeout);
  ExpectOK(call.Wait());
  Expect(call.IsEchoed(), "the payload has changed");
}

void Collect(Stub& stub, const std::vector<uint32_t>& sizes) {
  Context context;
  CollectResponse response;
  uint64_t bytes = 0;
  const auto writer = stub.Collect(&context, &response);
  for (const uint32_t size : sizes) {
    Expect(writer->Write(Payload(size)), "a request was not taken");
    bytes += size;
  }
  writer->WritesDone();
  ExpectOK(writer->Finish());
  Expect(response.messages() == sizes.size() && response.payload_bytes() == bytes, response.ShortDebugString());
}

grpc::Status Expand(Stub& stub, const ExpandRequest& request, size_t responses, milliseconds timeout = kTimeout) {
  Context context(timeout);
  const auto reader = stub.Expand(&context, request);
  EchoResponse response;
  size_t count = 0;
  for (; reader->Read(&response); ++count) {
    Expect(count < static_cast<size_t>(request.sizes_size()), "more responses than sizes");
    const std::string payload(request.sizes(count), static_cast<char>(count));
    Expect(response.payload() == payload, "response " + std::to_string(count) + " is not the one of its size");
  }
  Expect(count == responses, "expected " + std::to_string(responses) + " responses, got " + std::to_string(count));
  return reader->Finish();
}

ExpandRequest Sizes(const std::vector<uint32_t>& sizes) {
  ExpandRequest request;
  for (const uint32_t size : sizes) request.add_sizes(size);
  return request;
}

void Converse(Stub& stub, const std::vector<uint32_t>& sizes) {
  Context context;
  const auto stream = stub.Converse(&context);
  EchoResponse response;
  for (const uint32_t size : sizes) {
    const EchoRequest request = Payload(size);
    Expect(stream->Write(request), "a request was not taken");
    Expect(stream->Read(&response) && response.payload() == request.payload(), "a request was not answered");
  }
  stream->WritesDone();
  Expect(!stream->Read(&response), "more responses than requests");
  ExpectOK(stream->Finish());
}

// Metadata and statuses

using Values = std::multimap<std::string, std::string>;

void ExpectValues(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata, const Values& wanted) {
  Values found;
  for (const auto& [name, value] : metadata) {
    if (name.starts_with("x-")) found.emplace(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  }
  // A multimap keeps the values of a name in the order in which they came.
  Expect(found == wanted, "expected " + std::to_string(wanted.size()) + " values, found " +
                              std::to_string(found.size()) + " or others");
}

void EchoedMetadata(Stub& stub) {
  std::string blob;
  for (int byte = 0; byte < 256; ++byte) blob += static_cast<char>(byte);
  const std::vector<std::pair<std::string, std::string>> sent = {
      {"x-echo-text", "one"}, {"x-echo-text", "two"}, {"x-echo-blob-bin", blob}, {"x-echo-blob-bin", ""}};
  Context context;
  for (const auto& [name, value] : sent) context.AddMetadata(name, value);
  EchoResponse response;
  ExpectOK(stub.Echo(&context, EchoRequest(), &response));
  const Values wanted(sent.begin(), sent.end());
  ExpectValues(context.GetServerInitialMetadata(), wanted);
  ExpectValues(context.GetServerTrailingMetadata(), wanted);
}

void StatusCodes(Stub& stub) {
  for (int code = 1; code <= 16; ++code) {
    EchoRequest request;
    request.mutable_failure()->set_code(code);
    request.mutable_failure()->set_message("as code " + std::to_string(code));
    EchoCall call(stub, request, kTimeout);
    ExpectStatus(call.Wait(), code, request.failure().message());
  }
}

void StatusMessage(Stub& stub) {
  for (const std::string& message :
       {std::string("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"),
        std::string("100 % of 50%25, %zz"), std::string()}) {
    Context context;
    EchoRequest request;
    EchoResponse response;
    request.mutable_failure()->set_code(grpc::StatusCode::FAILED_PRECONDITION);
    request.mutable_failure()->set_message(message);
    const Values trailers = {{"x-detail", "seen"}, {"x-detail-bin", std::string("\0\xff", 2)}};
    for (const auto& [name, value] : trailers) {
      MetadataEntry* entry = request.mutable_failure()->add_trailers();
      entry->set_name(name);
      entry->set_value(value);
    }
    ExpectStatus(stub.Echo(&context, request, &response), request.failure().code(), message);
    ExpectValues(context.GetServerTrailingMetadata(), trailers);
  }
}

void ErrorDetails(Stub& stub) {
  google::rpc::ErrorInfo info;
  info.set_reason("FULL");
  info.set_domain("bulwark.test");
  EchoRequest request;
  Failure* failure = request.mutable_failure();
  failure->set_code(grpc::StatusCode::RESOURCE_EXHAUSTED);
  failure->set_message("100 % ☺");
  failure->add_details()->PackFrom(info);
  EchoCall call(stub, request, kTimeout);
  const grpc::Status status = call.Wait();
  ExpectStatus(status, failure->code(), failure->message());
  google::rpc::Status detailed;
  Expect(detailed.ParseFromString(status.error_details()), "the details are no google.rpc.Status");
  google::rpc::ErrorInfo found;
  Expect(detailed.code() == failure->code() && detailed.message() == failure->message() &&
             detailed.details_size() == 1 && detailed.details(0).UnpackTo(&found) && found.reason() == "FULL",
         "other details: " + detailed.ShortDebugString());
}

void FailureAfterMessages(Stub& stub) {
  ExpandRequest request = Sizes({3, 5});
  request.mutable_failure()->set_code(grpc::StatusCode::ABORTED);
  request.mutable_failure()->set_message("late");
  ExpectStatus(Expand(stub, request, 2), grpc::StatusCode::ABORTED, "late");
}

void Unimplemented(const std::shared_ptr<grpc::Channel>& channel) {
  for (const char* path : {"/bulwark.interop.Interop/Nothing", "/bulwark.interop.Nobody/Echo"}) {
    Context context;
    const grpc::ByteBuffer nothing(nullptr, 0);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> ended;
    grpc::GenericStub(channel).UnaryCall(&context, path, grpc::StubOptions(), &nothing, &response,
                                         [&ended](grpc::Status status) { ended.set_value(std::move(status)); });
    ExpectCode(ended.get_future().get(), grpc::StatusCode::UNIMPLEMENTED);
  }
}

// Deadlines and cancellation

void Deadline(Stub& stub) {
  const auto start = Clock::now();
  EchoCall call(stub, Held("late"), milliseconds(200));
  ExpectCode(call.Wait(), grpc::StatusCode::DEADLINE_EXCEEDED);
  Expect(Clock::now() - start < milliseconds(1'200), "the deadline came too late");
  ExpectCancelledHandler(stub, "late");
}

void DeadlineSeen(Stub& stub) {
  Context context(milliseconds(4'000));
  EchoRequest request;
  EchoResponse response;
  request.set_want_report(true);
  ExpectOK(stub.Echo(&context, request, &response));
  const uint64_t left = response.report().deadline_remaining_ms();
  Expect(left > 0 && left <= 4'000, "the handler saw " + std::to_string(left) + " ms");
}

void CancelUnary(Stub& stub) {
  EchoCall call(stub, Held("gone"), kLongTimeout);
  WaitUntilHandlerRuns(stub, "gone");
  call.Cancel();
  ExpectCode(call.Wait(), grpc::StatusCode::CANCELLED);
  ExpectCancelledHandler(stub, "gone");
}

void CancelInStream(Stub& stub) {
  Context context(kLongTimeout);
  ExpandRequest request = Sizes(std::vector<uint32_t>(1'000, 10));
  request.set_delay_ms(10);
  request.set_key("gone");
  const auto reader = stub.Expand(&context, request);
  EchoResponse response;
  Expect(reader->Read(&response), "no response came");
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  ExpectCode(reader->Finish(), grpc::StatusCode::CANCELLED);
  ExpectCancelledHandler(stub, "gone");
}

void CancelWhileSending(Stub& stub) {
  Context context(kLongTimeout);
  CollectResponse response;
  EchoRequest request;
  request.set_key("gone");
  const auto writer = stub.Collect(&context, &response);
  Expect(writer->Write(request), "the request was not taken");
  WaitUntilHandlerRuns(stub, "gone");
  context.TryCancel();
  ExpectCode(writer->Finish(), grpc::StatusCode::CANCELLED);
  ExpectCancelledHandler(stub, "gone");
}

void ThousandCalls(Stub& stub) {
  std::vector<std::unique_ptr<EchoCall>> calls;
  for (int number = 0; number < 1'000; ++number) {
    EchoRequest request;
    request.set_payload(std::to_string(number) + std::string(96, 'p'));
    request.set_delay_ms(200);
    calls.push_back(std::make_unique<EchoCall>(stub, request, kLongTimeout));
  }
  // Every call is waited for, though one may have failed: none may outlive what it writes to.
  int answered = 0;
  for (const auto& call : calls) answered += call->Wait().ok() && call->IsEchoed();
  Expect(answered == 1'000, "only " + std::to_string(answered) + " of 1000 calls were answered");
}

struct Target {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<Stub> stub;
};

const std::vector<std::pair<std::string, std::function<void(Target&)>>> kCases = {
    {"empty_unary", [](Target& target) { Unary(*target.stub, 0); }},
    {"large_unary", [](Target& target) { Unary(*target.stub, 271'828); }},
    {"collect", [](Target& target) { Collect(*target.stub, kSizes); }},
    {"collect_nothing", [](Target& target) { Collect(*target.stub, {}); }},
    {"expand", [](Target& target) { ExpectOK(Expand(*target.stub, Sizes({31415, 9, 2653, 58979}), 4)); }},
    {"expand_nothing", [](Target& target) { ExpectOK(Expand(*target.stub, Sizes({}), 0)); }},
    {"converse", [](Target& target) { Converse(*target.stub, kSizes); }},
    {"converse_nothing", [](Target& target) { Converse(*target.stub, {}); }},
    {"metadata", [](Target& target) { EchoedMetadata(*target.stub); }},
    {"status_codes", [](Target& target) { StatusCodes(*target.stub); }},
    {"status_message", [](Target& target) { StatusMessage(*target.stub); }},
    {"error_details", [](Target& target) { ErrorDetails(*target.stub); }},
    {"failure_after_messages", [](Target& target) { FailureAfterMessages(*target.stub); }},
    {"unimplemented", [](Target& target) { Unimplemented(target.channel); }},
    {"deadline", [](Target& target) { Deadline(*target.stub); }},
    {"deadline_seen", [](Target& target) { DeadlineSeen(*target.stub); }},
    {"cancel_unary", [](Target& target) { CancelUnary(*target.stub); }},
    {"cancel_in_stream", [](Target& target) { CancelInStream(*target.stub); }},
    {"cancel_while_sending", [](Target& target) { CancelWhileSending(*target.stub); }},
    {"thousand_calls", [](Target& target) { ThousandCalls(*target.stub); }},
};

int Run(const std::string& address, const std::string& name) {
  for (const auto& [each, run] : kCases) {
    if (each != name) continue;
    Target target{grpc::CreateChannel(address, grpc::InsecureChannelCredentials()), nullptr};
    target.stub = Interop::NewStub(target.channel);
    try {
      run(target);
    } catch (const std::exception& error) {
      std::printf("failed %s: %s\n", name.c_str(), error.what());
      return 1;
    }
    std::printf("ok %s\n", name.c_str());
    return 0;
  }
  std::fprintf(stderr, "there is no case %s\n", name.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--list") {
    for (const auto& [name, run] : kCases) std::printf("%s\n", name.c_str());
    return 0;
  }
  if (argc != 5 || std::string(argv[1]) != "--target" || std::string(argv[3]) != "--case") {
    std::fprintf(stderr, "usage: client --target HOST:PORT --case NAME | client --list\n");
    return 2;
  }
  return Run(argv[2], argv[4]);
}
