/// The generic cell rate algorithm (ITU-T I.371, Annex A) as a value: what one limiter's settings make of a bucket's
/// theoretical arrival time and the present.
///
/// The bucket is one number, its theoretical arrival time, or TAT. In the textbook n cells pass at `now` if
/// `max(TAT, now) + n * T <= now + T * burst`, and the left side is then the new TAT. Here both sides are divided by
/// T: time is measured in cells, as the *position* that a source sending at exactly the rate has reached. A rate
/// whose T is no whole number of nanoseconds then costs nothing: what passes is added exactly, and the position of
/// an instant is found by one multiplication instead of by adding up rounded steps.
///
/// The scale has 2^cellShift units per cell, between one and two units per nanosecond for rates up to 10^9 a second,
/// more above. The multiplier is at most 10^-15 of itself larger than the exact rate, so that a cell is never
/// later than its due instant. So no window of w nanoseconds lets more through than
/// `burst + rate * (1 + 10^-15) * (w + 1 ns)`; nothing accumulates.
///
/// The scale ends 36 years after its anchor (4 at rates above 8 * 10^9 a second): a limiter that is neither made anew
/// nor reconfigured for so long refuses from then on. Nothing overflows: positions stay below 2^62 and a burst
/// below 2^59.
@usableFromInline
struct RateLimiterMachine: Hashable, Sendable {
  /// Units per nanosecond, times 2^shift; at least 2^62, less than 2^63.
  let multiplier: UInt64
  /// 59 to 62.
  let shift: Int
  /// One cell is 2^cellShift units.
  let cellShift: Int
  /// The burst, in units.
  let capacity: Int64
  /// The instant at which the scale starts, in nanoseconds of the clock.
  let anchor: Int64
  /// The position at which it starts; 0 to 2^61.
  let origin: Int64

  /// Takes the published parts of a machine back together.
  init(multiplier: UInt64, shift: Int, cellShift: Int, capacity: Int64, anchor: Int64, origin: Int64) {
    self.multiplier = multiplier
    self.shift = shift
    self.cellShift = cellShift
    self.capacity = capacity
    self.anchor = anchor
    self.origin = origin
  }

  /// A machine for options that are valid.
  init(rate: Double, burst: Int, anchor: Int64, origin: Int64 = 0) {
    // Two steps up outweigh two roundings, of the rate that was given and of this division.
    let cellsPerNanosecond = (rate / 1e9).nextUp.nextUp
    let exponent = Int(cellsPerNanosecond.exponent)
    self.multiplier = UInt64(cellsPerNanosecond.significand * 0x1p62)
    self.cellShift = max(0, -exponent)
    self.shift = 62 - max(0, exponent)
    self.capacity = Int64(burst) << Int64(self.cellShift)
    self.anchor = anchor
    self.origin = origin
  }

  /// The most cells that can pass at once.
  var burst: Int64 { self.capacity &>> Int64(truncatingIfNeeded: self.cellShift) }

  // MARK: - The scale

  /// How far a source that sends at exactly the rate has come; never less than the origin.
  @inline(__always)
  @usableFromInline
  func position(at now: Int64) -> Int64 {
    let elapsed = min(
      max(now.saturatingSubtracting(self.anchor), 0),
      1 &<< Int64(truncatingIfNeeded: self.shift &- 2)
    )
    let (high, low) = self.multiplier.multipliedFullWidth(by: UInt64(truncatingIfNeeded: elapsed))
    let shift = UInt64(truncatingIfNeeded: self.shift)
    return self.origin &+ Int64(truncatingIfNeeded: high &<< (64 &- shift) | low &>> shift)
  }

  /// The first instant that has this position, held at the end of what 64 bits can say.
  @usableFromInline
  func instant(of position: Int64) -> Int64 {
    let distance = UInt64(max(position.saturatingSubtracting(self.origin), 0))
    let shift = UInt64(truncatingIfNeeded: self.shift)
    // The upper half is below 2^61 and the multiplier is not, so the quotient fits.
    let (elapsed, remainder) = self.multiplier.dividingFullWidth(
      (distance &>> (64 &- shift), distance &<< shift)
    )
    let rounded = Int64(clamping: elapsed).saturatingAdding(remainder == 0 ? 0 : 1)
    return self.anchor.saturatingAdding(rounded)
  }

  /// So many cells in units, held below a length that cannot overflow when it is added to a position.
  func units(_ cells: Int64) -> Int64 {
    min(cells.saturatingMultiplied(by: 1 << Int64(self.cellShift)), 1 << 60)
  }

  // MARK: - Inputs

  /// What becomes of a request.
  @usableFromInline
  enum OnTake: Hashable, Sendable {
    /// The cells pass, and this is the TAT from now on.
    case admit(tat: Int64)
    case refuse(Refusal)
  }

  /// Takes cells at once, or not at all. Fewer than one cost nothing.
  ///
  /// - Parameter queued: Units that others wait for already, and will get before.
  @inline(__always)
  @usableFromInline
  func take(_ cells: Int64, tat: Int64, queued: Int64 = 0, at now: Int64) -> OnTake {
    let here = self.position(at: now)
    guard cells <= self.burst else { return .refuse(Refusal(.exceedsCapacity)) }
    let next = max(tat, here) &+ max(cells, 0) &<< Int64(truncatingIfNeeded: self.cellShift)
    guard next &+ queued > here &+ self.capacity, cells > 0 else { return .admit(tat: next) }
    let due = self.due(cells, tat: tat, queued: queued)
    return .refuse(Refusal(.rateLimited, retryAfter: max(due.saturatingSubtracting(now), 1)))
  }

  /// The first instant at which so many cells pass that are not more than the burst, if nothing else does.
  func due(_ cells: Int64, tat: Int64, queued: Int64 = 0) -> Int64 {
    self.instant(of: tat.saturatingAdding(queued).saturatingAdding(self.units(cells)) - self.capacity)
  }

  /// The TAT after cells that were taken at `taken` are given back at `now`, because what they were for did not happen.
  ///
  /// Only what has not drained since is given back: the bucket would have been empty for that long had they never been
  /// taken, and would have saved nothing up. (A limiter that gives all back lets a second burst through.)
  func refund(_ cells: Int64, taken: Int64, tat: Int64, at now: Int64) -> Int64 {
    guard cells > 0, taken >= self.anchor, now >= taken else { return tat }
    let drained = now == taken ? 0 : self.position(at: now) - self.position(at: taken) + 1
    return max(tat - max(min(self.units(cells), self.capacity) - drained, 0), self.origin)
  }

  /// The TAT once nothing is left.
  func drained(tat: Int64, at now: Int64) -> Int64 {
    max(tat, self.position(at: now) + self.capacity)
  }

  /// How many cells can be taken at once.
  func remaining(tat: Int64, queued: Int64 = 0, at now: Int64) -> Int64 {
    let debt = max(tat.saturatingSubtracting(self.position(at: now)), 0).saturatingAdding(queued)
    return max(self.capacity - debt, 0) >> Int64(self.cellShift)
  }

  /// Cells taken in advance, for one stripe to hand out.
  struct Lease: Hashable, Sendable {
    var tat: Int64
    var cells: Int64
    var expiry: Int64
  }

  /// Takes a batch in advance, if the request is part of it and the batch will not be missed, for some of it may be out
  /// for long: more than half of the burst is there after it and it comes back within a millisecond, or what is there
  /// after it would do for a thousand such batches.
  ///
  /// The TAT is moved as though they were taken when the lease runs out. So at any instant of its life the bucket owes
  /// at least the cells that are still out, and whoever spends one then is covered by the bound of the type's comment,
  /// dated at the instant of the spending. What is not spent in time is given back by the next one of the stripe, as far
  /// as it has not drained.
  func lease(_ cells: Int64, tat: Int64, at now: Int64) -> Lease? {
    let batch = min(Self.longestLease.cells, self.burst / 16)
    guard cells < batch, cells > 0 else { return nil }
    // A quarter of the burst comes back in more time than this.
    let quarter = (self.capacity / 4) >> Int64(63 &- self.shift)
    let expiry = now.saturatingAdding(min(Self.longestLease.nanoseconds, quarter))
    let next = max(tat, self.position(at: expiry)) &+ self.units(batch)
    let left = self.position(at: now) &+ self.capacity &- next
    if left < self.units(batch).saturatingMultiplied(by: 1000) {
      let perMillisecond = self.position(at: self.anchor.saturatingAdding(1_000_000)) &- self.origin
      guard left >= self.capacity / 2, self.units(batch) <= perMillisecond else { return nil }
    }
    return Lease(tat: next, cells: batch, expiry: expiry)
  }

  static let longestLease = (cells: 16 as Int64, nanoseconds: 20_000 as Int64)

  /// The machine with other settings, and the TAT in its scale.
  ///
  /// The debt is kept as a number of cells, so that a change neither forgives it nor makes it grow: over any window the
  /// larger of the two bursts and the higher of the two rates bound what passes. The new scale begins above every TAT
  /// that the old one had, so that a TAT says which scale it is of.
  func reconfigured(rate: Double, burst: Int, tat: Int64, at now: Int64) -> (Self, tat: Int64) {
    let here = self.position(at: now)
    let ahead = max(tat, here) + 2 * self.capacity + 1
    let machine = Self(
      rate: rate,
      burst: burst,
      anchor: max(now, self.anchor),
      origin: ahead <= 1 << 61 ? ahead : 0
    )
    let debt = machine.convert(max(tat - here, 0), from: self)
    return (machine, machine.origin + debt)
  }

  /// Units of another machine's scale in this one's, rounded up and held below a length that cannot overflow.
  func convert(_ units: Int64, from other: Self) -> Int64 {
    let difference = Int64(self.cellShift - other.cellShift)
    guard difference < 0 else { return min(units.saturatingMultiplied(by: 1 << difference), 1 << 60) }
    return units >> -difference + (units & (1 << -difference - 1) == 0 ? 0 : 1)
  }
}
