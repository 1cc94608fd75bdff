// One HTTP/2 connection with gRPC calls on it, each checked to the last byte.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "recorder.h"
#include "workload.h"

// What the generator grants a server to send: no flow control is to be measured.
constexpr int32_t kWindow = (1 << 30) - 1;

// Says what the server did wrong and ends the process: figures of a server that errs mean nothing.
[[noreturn]] void Fail(const std::string& what);

class Connection {
 public:
  // Told that a call was answered as it should be, with its start.
  using Ended = std::function<void(Connection*, int64_t start)>;

  // Connects, or fails.
  Connection(const Options& options, const Workload& workload, Recorder* recorder, Ended ended);
  ~Connection();
  Connection(const Connection&) = delete;

  int socket() const { return socket_; }

  // Opens a call, whose latency counts from `start`. Nothing goes out before Send.
  void Call(int64_t start);

  // Takes what has come, once.
  void Receive();

  // Whether the server has said anything: only then it has taken the connection, and not only its kernel.
  bool has_heard() const { return has_heard_; }

  // Sends what there is, as far as the socket takes it; if that is not all, to be called again when it can be written.
  void Send();
  bool is_full() const { return is_full_; }

  // When each call that is open began.
  std::vector<int64_t> OpenCalls() const;

 private:
  struct Exchange;

  static Connection& From(void* user_data) { return *static_cast<Connection*>(user_data); }
  Exchange* ExchangeOf(int32_t stream);

  // nghttp2's callbacks.
  ssize_t RequestBytes(Exchange& exchange, size_t room, uint32_t* flags);
  int SendRequestBytes(Exchange& exchange, const uint8_t* frame_header, size_t length);
  void ReceiveHeader(Exchange& exchange, std::string_view name, std::string_view value);
  void ReceiveData(Exchange& exchange, int32_t stream, const uint8_t* data, size_t length);
  void ReceivedMessage(Exchange& exchange, int32_t stream);
  void Close(Exchange* exchange, uint32_t error);
  nghttp2_session_callbacks* Callbacks();

  const Workload& workload_;
  Recorder* recorder_;
  Ended ended_;
  int socket_;
  nghttp2_session* session_ = nullptr;
  uint64_t next_number_;
  // What goes out next, from `sent_` on.
  std::vector<uint8_t> outbound_;
  size_t sent_ = 0;
  bool is_full_ = false, has_heard_ = false;
  std::vector<std::unique_ptr<Exchange>> open_;
};
