/// Places on a ring of 64 bits, each an endpoint's: that of Envoy's ring hash, built like gRPC's.
///
/// An endpoint's places follow from its hash key alone, and their number from its share of the weights. So of an endpoint
/// that leaves the list the keys move to the others, and a few between those too, since they have more places then. The
/// ring is made so large that the lightest has a whole number of places, and each has one even if the ring gets larger
/// than its maximum by it.
struct HashRing: Sendable {
  private var hashes: [UInt64] = []
  private var owners: [UInt32] = []

  var count: Int { self.hashes.count }

  init() {}

  /// - Parameter endpoints: a key and a weight of each; the owner of a place is an index of this list.
  init(_ endpoints: [(key: String, weight: UInt32)], minimumSize: Int, maximumSize: Int) {
    let weights = endpoints.map { Double(max($0.weight, 1)) }
    let sum = weights.reduce(0, +)
    guard let lightest = weights.min().map({ $0 / sum }) else { return }
    let scale = min((lightest * Double(minimumSize)).rounded(.up) / lightest, Double(maximumSize))
    var places: [(hash: UInt64, owner: UInt32)] = []
    places.reserveCapacity(Int(scale.rounded(.up)))
    var target = 0.0
    // In an order that is the same for each client, whatever the resolver's was.
    for index in endpoints.indices.sorted(by: { endpoints[$0].key < endpoints[$1].key }) {
      target += scale * weights[index] / sum
      var number = 0
      repeat {
        places.append((XXH64.hash("\(endpoints[index].key)_\(number)"), UInt32(index)))
        number += 1
      } while Double(places.count) < target
    }
    places.sort { $0.hash < $1.hash }
    self.hashes = places.map(\.hash)
    self.owners = places.map(\.owner)
  }

  /// Whose place it is.
  func owner(at place: Int) -> Int { Int(self.owners[place]) }

  /// The first place at the hash or after it, the first of all if there is none.
  func place(of hash: UInt64) -> Int {
    var low = 0
    var high = self.hashes.count
    while low < high {
      let middle = (low + high) / 2
      if self.hashes[middle] < hash { low = middle + 1 } else { high = middle }
    }
    return low == self.hashes.count ? 0 : low
  }

  func place(after place: Int) -> Int {
    place + 1 == self.hashes.count ? 0 : place + 1
  }
}
