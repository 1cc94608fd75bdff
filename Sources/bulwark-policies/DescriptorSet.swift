import BulwarkCore
import BulwarkInterceptors
import Foundation
import SwiftProtobuf

/// The methods of a descriptor set, as `protoc --descriptor_set_out=FILE --include_imports` writes it.
struct DescriptorSet {
  let methods: [MethodDescriptor]

  /// What the files annotate the methods with, a source for each file that does.
  let policies: [PolicySet]

  init(path: String) throws(Finding) {
    let set: Google_Protobuf_FileDescriptorSet
    do {
      set = try Google_Protobuf_FileDescriptorSet(serializedBytes: Data(contentsOf: URL(filePath: path)))
    } catch {
      throw Finding("\(path): is no descriptor set: \(error)")
    }
    do throws(Finding) {
      self.policies = try PolicySet.annotations(in: set)
    } catch {
      throw Finding("\(path): \(error)")
    }
    self.methods = set.file.flatMap { file in
      file.service.flatMap { service in
        service.method.map { method in
          MethodDescriptor(
            service: file.package.isEmpty ? service.name : "\(file.package).\(service.name)",
            method: method.name,
            kind: method.kind,
            idempotency: method.options.bulwarkIdempotency
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

extension Google_Protobuf_MethodOptions {
  fileprivate var bulwarkIdempotency: BulwarkCore.IdempotencyLevel {
    switch self.idempotencyLevel {
    case .idempotencyUnknown: .unknown
    case .noSideEffects: .noSideEffects
    case .idempotent: .idempotent
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
