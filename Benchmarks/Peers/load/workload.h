// What each call sends and has to get back.
#pragma once

#include <nghttp2/nghttp2.h>

#include <string>
#include <vector>

#include "message.h"
#include "options.h"

class Workload {
 public:
  explicit Workload(const Options& options);
  Workload(const Workload&) = delete;

  Kind kind() const { return kind_; }
  const Message& message() const { return message_; }

  // Of the call whose first request has this number: calls take the methods in turn.
  const std::vector<nghttp2_nv>& headers(uint64_t first) const { return headers_[first % headers_.size()]; }

  uint32_t requests() const { return IsOneRequest() ? 1 : messages_; }
  uint32_t responses() const { return IsOneResponse() ? 1 : messages_; }

  // The number in a request of a call whose first one is `first`.
  uint64_t RequestNumber(uint64_t first, uint32_t index) const { return first + index; }

  // The number in a response: the echo of the only, the last or the matching request.
  uint64_t ResponseNumber(uint64_t first, uint32_t index) const {
    if (IsOneRequest()) return first;
    return kind_ == Kind::kClientStream ? first + messages_ - 1 : first + index;
  }

  // How many requests may be on their way after so many responses.
  uint32_t RequestsAfter(uint32_t responses) const {
    return kind_ == Kind::kBidi && responses < messages_ ? responses + 1 : requests();
  }

 private:
  bool IsOneRequest() const { return kind_ == Kind::kUnary || kind_ == Kind::kServerStream; }
  bool IsOneResponse() const { return kind_ == Kind::kUnary || kind_ == Kind::kClientStream; }

  Kind kind_;
  uint32_t messages_;
  Message message_;
  std::string authority_, count_;
  // By method.
  std::vector<std::string> paths_;
  std::vector<std::vector<nghttp2_nv>> headers_;
};
