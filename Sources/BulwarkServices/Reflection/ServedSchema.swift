import BulwarkCore
import Synchronization

/// What a server serves, for reflection to tell: set when the server is made, indexed when somebody asks first.
final class ServedSchema: Sendable {
  private struct State {
    var services: [String] = []
    var files: [ProtoFile] = []
    var index: SchemaIndex?
  }

  private let state = Mutex(State())

  func set(_ registry: ServiceRegistry) {
    let services = Set(registry.entries.map(\.descriptor.service)).sorted()
    let files = registry.files.sorted { $0.key < $1.key }.map(\.value)
    self.state.withLock { $0 = State(services: services, files: files) }
  }

  /// The full names of the services, in order.
  var services: [String] { self.state.withLock { $0.services } }

  /// The index of what the services' files declare.
  var index: SchemaIndex {
    self.state.withLock { state in
      if let index = state.index { return index }
      let index = SchemaIndex(state.files)
      state.index = index
      return index
    }
  }
}
