// Counts of durations in buckets whose width grows with their value, as in HdrHistogram: three significant digits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

class Histogram {
 public:
  Histogram() : buckets_(BucketOf(kLongest) + 1) {}

  // Longer ones than kLongest count as that.
  void Record(int64_t nanoseconds) {
    const uint64_t value = std::clamp<int64_t>(nanoseconds, 0, kLongest);
    ++buckets_[BucketOf(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }

  // What this share of the durations does not exceed, at most 0.1 % too high; 0 if there are none.
  uint64_t Percentile(double percent) const {
    const uint64_t rank = std::max<uint64_t>(1, std::ceil(count_ * percent / 100));
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
      seen += buckets_[bucket];
      if (seen >= rank) return std::min(max_, HighestIn(bucket));
    }
    return 0;
  }

 private:
  // 2^40 ns, about 18 minutes.
  static constexpr int64_t kLongest = int64_t{1} << 40;
  // Each power of two has two to this power buckets.
  static constexpr int kPrecisionBits = 10;

  static size_t BucketOf(uint64_t value) {
    const int bits = 64 - __builtin_clzll(value | 1);
    const int shift = std::max(0, bits - kPrecisionBits - 1);
    return (size_t(shift) << kPrecisionBits) + (value >> shift);
  }

  static uint64_t HighestIn(size_t bucket) {
    const int shift = std::max(0, int(bucket >> kPrecisionBits) - 1);
    return ((uint64_t(bucket) - (uint64_t(shift) << kPrecisionBits) + 1) << shift) - 1;
  }

  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0, max_ = 0;
};
