#include "message.h"

#include <algorithm>
#include <cstring>
#include <random>

Message::Message(size_t payload) {
  std::vector<uint8_t> body{1 << 3 | 2};
  size_t rest = payload;
  for (; rest >= 0x80; rest >>= 7) body.push_back(rest | 0x80);
  body.push_back(rest);
  const size_t size = body.size() + payload;
  frame_ = {0, uint8_t(size >> 24), uint8_t(size >> 16), uint8_t(size >> 8), uint8_t(size)};
  frame_.insert(frame_.end(), body.begin(), body.end());
  number_at_ = frame_.size();
  frame_.resize(frame_.size() + kNumberBytes);
  std::minstd_rand random;
  for (size_t index = kNumberBytes; index < payload; ++index) frame_.push_back(random());
}

template <typename Use>
void Message::ForPieces(uint64_t number, size_t offset, size_t length, Use use) const {
  uint8_t bytes[kNumberBytes];
  std::memcpy(bytes, &number, kNumberBytes);
  const auto piece = [&](const uint8_t* source, size_t begin, size_t end) {
    const size_t from = std::max(begin, offset), to = std::min(end, offset + length);
    if (from < to) use(from - offset, source + (from - begin), to - from);
  };
  piece(frame_.data(), 0, number_at_);
  piece(bytes, number_at_, number_at_ + kNumberBytes);
  piece(frame_.data() + number_at_ + kNumberBytes, number_at_ + kNumberBytes, frame_.size());
}

void Message::Copy(uint64_t number, size_t offset, size_t length, uint8_t* out) const {
  ForPieces(number, offset, length,
            [out](size_t at, const uint8_t* bytes, size_t count) { std::memcpy(out + at, bytes, count); });
}

bool Message::Matches(uint64_t number, size_t offset, size_t length, const uint8_t* data) const {
  bool matches = true;
  ForPieces(number, offset, length, [&](size_t at, const uint8_t* bytes, size_t count) {
    matches = matches && std::memcmp(data + at, bytes, count) == 0;
  });
  return matches;
}
