import BulwarkProtobuf
import TestMessages

extension MessageTable {
  /// The messages of `TestMessages`.
  static let test: [any ProtobufMessage.Type] = [
    // collisions
    Collisions.self,
    // everything
    Scalars.self, Optionals.self, Repeateds.self, Unpackeds.self, Maps.self, Choice.self, Leaf.self,
    Tree.self, Branch.self, Holder.self, Empty.self, Numbers.self,
    // imports_base
    Item.self,
    // imports_shop
    Order.self, Order.LeafMessage.self,
    // names
    Words.self, Bytes.self, SyncInfo.self, OneofWords.self, OneofWords.Inner.self, AnyMessage.self,
    StringMessage.self, BoolMessage.self, TypeMessage.self, ProtocolMessage.self, SelfMessage.self,
    selfMessage.self, initMessage.self, `class`.self, `class`.`struct`.self, Error.self, Result.self,
    Optional.self, Array.self, Dictionary.self, Set.self, HashableMessage.self, SendableMessage.self,
    Duration.self, MessageReader.self, Outer.self, Outer.TypeMessage.self, Outer.OuterMessage.self,
    // proto2
    Presence.self, Required.self, Grouped.self, Grouped.Inner.self, Entry.self,
    // well_known
    WellKnown.self,
  ]
}
