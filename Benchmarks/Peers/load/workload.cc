#include "workload.h"

#include <cstring>

namespace {

const char* Path(Kind kind) {
  switch (kind) {
    case Kind::kUnary:
      return "/bench.Echo/Unary";
    case Kind::kServerStream:
      return "/bench.Echo/ServerStream";
    case Kind::kClientStream:
      return "/bench.Echo/ClientStream";
    case Kind::kBidi:
      return "/bench.Echo/Bidi";
  }
  return "";
}

// A field whose text outlives every request.
nghttp2_nv Field(const char* name, const char* value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name)), reinterpret_cast<uint8_t*>(const_cast<char*>(value)),
          std::strlen(name), std::strlen(value), NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

}  // namespace

Workload::Workload(const Options& options)
    : kind_(options.kind),
      messages_(options.messages),
      message_(options.payload),
      authority_(options.host + ":" + options.port),
      count_(std::to_string(options.messages)) {
  paths_.push_back(Path(kind_));
  for (int number = 1; number < options.methods; ++number) {
    paths_.push_back("/bench.Many/Unary" + std::to_string(number));
  }
  for (const std::string& path : paths_) {
    headers_.push_back({Field(":method", "POST"), Field(":scheme", "http"), Field(":path", path.c_str()),
                        Field(":authority", authority_.c_str()), Field("te", "trailers"),
                        Field("content-type", "application/grpc")});
    if (kind_ == Kind::kServerStream) headers_.back().push_back(Field("x-bench-messages", count_.c_str()));
  }
}
