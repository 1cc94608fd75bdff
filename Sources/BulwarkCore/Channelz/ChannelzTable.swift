/// Something that channelz knows by a number.
package protocol ChannelzEntity: AnyObject, Sendable {
  /// Positive, and given once in a registry.
  var id: Int64 { get }
}

/// Entities in the order of their identifiers, for answers in pages.
///
/// New ones have the highest identifiers, so that they are put at the end; every other step looks by halves.
package struct ChannelzTable<Entity: ChannelzEntity>: Sendable {
  package private(set) var entities: [Entity] = []

  package init() {}

  package subscript(id: Int64) -> Entity? {
    let place = self.place(of: id)
    guard place < self.entities.endIndex, self.entities[place].id == id else { return nil }
    return self.entities[place]
  }

  package mutating func insert(_ entity: Entity) {
    guard let last = self.entities.last, last.id > entity.id else { return self.entities.append(entity) }
    self.entities.insert(entity, at: self.place(of: entity.id))
  }

  /// False if it was not there.
  package mutating func remove(_ id: Int64) -> Bool {
    let place = self.place(of: id)
    guard place < self.entities.endIndex, self.entities[place].id == id else { return false }
    self.entities.remove(at: place)
    return true
  }

  /// At most `limit` entities from this identifier on, and whether there are none after them.
  package func page(from id: Int64, limit: Int) -> ChannelzPage<Entity> {
    let rest = self.entities[self.place(of: id)...]
    let page = rest.prefix(max(limit, 0))
    return ChannelzPage(entities: Array(page), isEnd: page.count == rest.count)
  }

  /// Where an entity with this identifier is or would be.
  private func place(of id: Int64) -> Int {
    var range = self.entities.indices
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if self.entities[middle].id < id {
        range = middle + 1..<range.upperBound
      } else {
        range = range.lowerBound..<middle
      }
    }
    return range.lowerBound
  }
}

/// Part of a list, in the order of the identifiers.
package struct ChannelzPage<Entity: ChannelzEntity>: Sendable {
  package var entities: [Entity]
  /// Whether nothing comes after them.
  package var isEnd: Bool
}
