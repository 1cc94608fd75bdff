#include "connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace {

// Once so many bytes wait, they are sent before more are made.
constexpr size_t kOutboundBytes = 256 << 10;

constexpr size_t kFrameHeaderBytes = 9;

int Connect(const std::string& host, const std::string& port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found)) Fail(gai_strerror(error));
  const int result = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (result < 0 || connect(result, found->ai_addr, found->ai_addrlen) != 0) {
    Fail("cannot connect to " + host + ":" + port + ": " + std::strerror(errno));
  }
  freeaddrinfo(found);
  const int on = 1;
  setsockopt(result, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(result, F_SETFL, O_NONBLOCK);
  return result;
}

void Check(int error) {
  if (error < 0) Fail(nghttp2_strerror(error));
}

// Each connection numbers its messages in a range of its own.
uint64_t FirstNumber() {
  static uint64_t connections = 0;
  return connections++ << 40;
}

}  // namespace

void Fail(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

struct Connection::Exchange {
  size_t index;  // in open_
  int64_t start;
  uint64_t first_number;
  // Whole messages, and bytes of the one under way.
  uint32_t sent = 0, received = 0;
  size_t sent_bytes = 0, received_bytes = 0;
  std::string http_status, grpc_status, grpc_message;
};

Connection::Connection(const Options& options, const Workload& workload, Recorder* recorder, Ended ended)
    : workload_(workload),
      recorder_(recorder),
      ended_(std::move(ended)),
      socket_(Connect(options.host, options.port)),
      next_number_(FirstNumber()) {
  nghttp2_session_callbacks* callbacks = Callbacks();
  Check(nghttp2_session_client_new(&session_, callbacks, this));
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}};
  Check(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)));
  Check(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow));
}

Connection::~Connection() {
  nghttp2_session_del(session_);
  close(socket_);
}

void Connection::Call(int64_t start) {
  nghttp2_data_provider body{};
  body.read_callback = [](nghttp2_session*, int32_t stream, uint8_t*, size_t room, uint32_t* flags,
                          nghttp2_data_source*,
                          void* self) { return From(self).RequestBytes(*From(self).ExchangeOf(stream), room, flags); };
  auto exchange = std::make_unique<Exchange>();
  exchange->index = open_.size();
  exchange->start = start;
  exchange->first_number = next_number_;
  next_number_ += workload_.requests();
  const auto& headers = workload_.headers(exchange->first_number);
  Check(nghttp2_submit_request(session_, nullptr, headers.data(), headers.size(), &body, exchange.get()));
  open_.push_back(std::move(exchange));
}

void Connection::Receive() {
  // One for all connections, which the only thread reads one after the other.
  static std::vector<uint8_t> inbound(256 << 10);
  const ssize_t count = recv(socket_, inbound.data(), inbound.size(), 0);
  if (count == 0) Fail("the server closed a connection");
  if (count < 0) {
    if (errno == EAGAIN) return;
    Fail(std::string("cannot receive: ") + std::strerror(errno));
  }
  has_heard_ = true;
  Check(nghttp2_session_mem_recv(session_, inbound.data(), count));
}

void Connection::Send() {
  while (true) {
    while (outbound_.size() < kOutboundBytes) {
      const uint8_t* frame;
      const ssize_t length = nghttp2_session_mem_send(session_, &frame);
      Check(length);
      if (length == 0) break;
      outbound_.insert(outbound_.end(), frame, frame + length);
    }
    if (outbound_.empty()) return;
    const ssize_t count = send(socket_, outbound_.data() + sent_, outbound_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) Fail(std::string("cannot send: ") + std::strerror(errno));
    sent_ += std::max<ssize_t>(count, 0);
    is_full_ = sent_ < outbound_.size();
    if (is_full_) return;
    outbound_.clear();
    sent_ = 0;
  }
}

std::vector<int64_t> Connection::OpenCalls() const {
  std::vector<int64_t> starts;
  for (const auto& exchange : open_) starts.push_back(exchange->start);
  return starts;
}

Connection::Exchange* Connection::ExchangeOf(int32_t stream) {
  return static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session_, stream));
}

// Says how many bytes of requests may go into a DATA frame; SendRequestBytes then writes them. Messages that may go
// together fill one frame, as they do in gRPC C++.
ssize_t Connection::RequestBytes(Exchange& exchange, size_t room, uint32_t* flags) {
  const uint32_t allowed = workload_.RequestsAfter(exchange.received);
  const size_t bytes = size_t(allowed - exchange.sent) * workload_.message().size() - exchange.sent_bytes;
  if (bytes == 0) return NGHTTP2_ERR_DEFERRED;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (bytes <= room && allowed == workload_.requests()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return std::min(bytes, room);
}

int Connection::SendRequestBytes(Exchange& exchange, const uint8_t* frame_header, size_t length) {
  if (outbound_.size() >= kOutboundBytes) return NGHTTP2_ERR_WOULDBLOCK;
  outbound_.insert(outbound_.end(), frame_header, frame_header + kFrameHeaderBytes);
  while (length > 0) {
    const size_t count = std::min(length, workload_.message().size() - exchange.sent_bytes);
    const uint64_t number = workload_.RequestNumber(exchange.first_number, exchange.sent);
    outbound_.resize(outbound_.size() + count);
    workload_.message().Copy(number, exchange.sent_bytes, count, outbound_.data() + outbound_.size() - count);
    length -= count;
    exchange.sent_bytes += count;
    if (exchange.sent_bytes == workload_.message().size()) {
      ++exchange.sent;
      exchange.sent_bytes = 0;
    }
  }
  return 0;
}

void Connection::ReceiveHeader(Exchange& exchange, std::string_view name, std::string_view value) {
  if (name == ":status") {
    exchange.http_status = value;
  } else if (name == "grpc-status") {
    exchange.grpc_status = value;
  } else if (name == "grpc-message") {
    exchange.grpc_message = value;
  }
}

void Connection::ReceiveData(Exchange& exchange, int32_t stream, const uint8_t* data, size_t length) {
  while (length > 0) {
    if (exchange.received == workload_.responses()) Fail("a call has more responses than it should");
    const size_t count = std::min(length, workload_.message().size() - exchange.received_bytes);
    const uint64_t number = workload_.ResponseNumber(exchange.first_number, exchange.received);
    if (!workload_.message().Matches(number, exchange.received_bytes, count, data)) {
      Fail("a response is not the echo of its request");
    }
    data += count;
    length -= count;
    exchange.received_bytes += count;
    if (exchange.received_bytes == workload_.message().size()) {
      exchange.received_bytes = 0;
      ++exchange.received;
      ReceivedMessage(exchange, stream);
    }
  }
}

void Connection::ReceivedMessage(Exchange& exchange, int32_t stream) {
  if (workload_.kind() == Kind::kServerStream) recorder_->Count(Now(), 1);
  if (workload_.kind() != Kind::kBidi) return;
  const int64_t now = Now();
  recorder_->Count(now, 1);
  if (recorder_->IsMeasured(now)) recorder_->RecordLatency(now - exchange.start);
  exchange.start = now;
  if (exchange.sent < workload_.requests()) Check(nghttp2_session_resume_data(session_, stream));
}

void Connection::Close(Exchange* exchange, uint32_t error) {
  if (exchange->http_status != "200" || exchange->grpc_status != "0") {
    Fail("a call ended with HTTP status '" + exchange->http_status + "', grpc-status '" + exchange->grpc_status +
         "' (" + exchange->grpc_message + ") and " + nghttp2_http2_strerror(error));
  }
  if (exchange->received != workload_.responses()) Fail("a call lacks responses");
  if (workload_.kind() == Kind::kUnary || workload_.kind() == Kind::kClientStream) {
    recorder_->Count(Now(), workload_.requests());
  }
  const int64_t start = exchange->start;
  const size_t index = exchange->index;
  std::swap(open_[index], open_.back());
  open_[index]->index = index;
  open_.pop_back();
  ended_(this, start);
}

nghttp2_session_callbacks* Connection::Callbacks() {
  nghttp2_session_callbacks* callbacks;
  Check(nghttp2_session_callbacks_new(&callbacks));
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_length,
                    const uint8_t* value, size_t value_length, uint8_t, void* self) {
        From(self).ReceiveHeader(*From(self).ExchangeOf(frame->hd.stream_id),
                                 {reinterpret_cast<const char*>(name), name_length},
                                 {reinterpret_cast<const char*>(value), value_length});
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t length, void* self) {
        From(self).ReceiveData(*From(self).ExchangeOf(stream), stream, data, length);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, int32_t stream, uint32_t error, void* self) {
        From(self).Close(From(self).ExchangeOf(stream), error);
        return 0;
      });
  nghttp2_session_callbacks_set_send_data_callback(
      callbacks, [](nghttp2_session*, nghttp2_frame* frame, const uint8_t* header, size_t length, nghttp2_data_source*,
                    void* self) {
        return From(self).SendRequestBytes(*From(self).ExchangeOf(frame->hd.stream_id), header, length);
      });
  return callbacks;
}
