import Testing

@testable import bench_client

@Suite struct LatencyHistogramTests {
  @Test func percentilesOfNothingAreZero() {
    #expect(LatencyHistogram().percentile(99.9) == 0)
  }

  @Test func durationsBelow128NanosecondsAreExact() {
    var histogram = LatencyHistogram()
    for value in UInt64(1)...100 {
      histogram.record(nanoseconds: value)
    }
    #expect(histogram.percentile(50) == 50)
    #expect(histogram.percentile(99) == 99)
    #expect(histogram.percentile(100) == 100)
  }

  @Test func aPercentileIsNeverBelowTheTrueValueAndAtMostOneSixtyFourthAbove() {
    var value: UInt64 = 1
    while value < LatencyHistogram.longest {
      for near in [value - 1, value, value + 1, value + value / 3] {
        var histogram = LatencyHistogram()
        histogram.record(nanoseconds: near)
        let percentile = histogram.percentile(50)
        #expect(percentile >= near && percentile - near <= near / 64, "of \(near) ns came \(percentile) ns")
      }
      value *= 2
    }
  }

  @Test func durationsAboveTheLongestCountAsTheLongest() {
    var histogram = LatencyHistogram()
    histogram.record(nanoseconds: .max)
    #expect(histogram.count == 1)
    #expect(histogram.percentile(50) >= LatencyHistogram.longest)
    #expect(histogram.percentile(50) <= LatencyHistogram.longest + LatencyHistogram.longest / 64)
  }

  @Test func histogramsAddUp() {
    var slow = LatencyHistogram()
    var fast = LatencyHistogram()
    slow.record(nanoseconds: 100)
    for _ in 0..<99 {
      fast.record(nanoseconds: 10)
    }
    slow.add(fast)
    #expect(slow.count == 100)
    #expect(slow.percentile(99) == 10)
    #expect(slow.percentile(99.9) == 100)
  }
}
