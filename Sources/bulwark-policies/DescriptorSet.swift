import BulwarkCore
import Foundation
import SwiftProtobuf

/// The methods of a descriptor set, as `protoc --descriptor_set_out=FILE --include_imports` writes it.
struct DescriptorSet {
  let methods: [MethodDescriptor]

  init(path: String) throws(Finding) {
    do {
      let data = try Data(contentsOf: URL(filePath: path))
      try self.init(Google_Protobuf_FileDescriptorSet(serializedBytes: data))
    } catch {
      throw Finding("\(path): is no descriptor set: \(error)")
    }
  }

  init(_ set: Google_Protobuf_FileDescriptorSet) {
    self.methods = set.file.flatMap { file in
      file.service.flatMap { service in
        service.method.map { method in
          MethodDescriptor(
            service: file.package.isEmpty ? service.name : "\(file.package).\(service.name)",
            method: method.name,
            kind: method.kind
          )
        }
      }
    }
  }
}

extension Google_Protobuf_MethodDescriptorProto {
  fileprivate var kind: CallKind {
    switch (self.clientStreaming, self.serverStreaming) {
    case (false, false): .unary
    case (true, false): .clientStreaming
    case (false, true): .serverStreaming
    case (true, true): .bidirectional
    }
  }
}

/// Something wrong with what the program was given.
struct Finding: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
