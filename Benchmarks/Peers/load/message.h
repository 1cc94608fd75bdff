// A bench.Msg in its gRPC frame, as it is sent and as its echo has to come back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// Five bytes of gRPC, the protobuf field 1 with its length, and a payload that begins with the message's number:
// an answer that belongs to another call, or comes twice, does not match.
class Message {
 public:
  static constexpr size_t kNumberBytes = 8;
  static constexpr size_t kLongestPayload = size_t{1} << 30;

  explicit Message(size_t payload);

  size_t size() const { return frame_.size(); }

  // Writes `length` bytes of the message with this number, from `offset` on.
  void Copy(uint64_t number, size_t offset, size_t length, uint8_t* out) const;

  // Whether `data` is what Copy would write.
  bool Matches(uint64_t number, size_t offset, size_t length, const uint8_t* data) const;

 private:
  // Calls `use(at, bytes, length)` for the pieces of a range before, in and after the number; `at` counts from its
  // start.
  template <typename Use>
  void ForPieces(uint64_t number, size_t offset, size_t length, Use use) const;

  // With a number of 0.
  std::vector<uint8_t> frame_;
  size_t number_at_;
};
