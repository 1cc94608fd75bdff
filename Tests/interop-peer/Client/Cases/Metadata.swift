import Bulwark

extension InteropCase {
  /// Metadata in both directions.
  static let metadata = [
    InteropCase(name: "metadata") { context in
      let blob = (0...255).map { UInt8($0) }
      var metadata: Metadata = ["x-echo-text": "one"]
      metadata.add("two", for: "x-echo-text")
      metadata.add(binary: blob, for: "x-echo-blob-bin")
      metadata.add(binary: [], for: "x-echo-blob-bin")
      let options = CallOptions(timeout: CaseContext.timeout, metadata: metadata)

      let response = try await context.client.unary(InteropMethods.echo, EchoRequest(), options: options)
      try expectEchoed(in: response.metadata, "initial, unary")
      try expectEchoed(in: response.trailingMetadata, "trailing, unary")

      try await context.client.bidirectional(InteropMethods.converse, options: options) {
        requests,
        responses in
        try await requests.write(EchoRequest())
        requests.finish()
        try expectEchoed(in: await responses.initialMetadata, "initial, stream")
        for try await _ in responses {}
        try expectEchoed(in: responses.trailingMetadata, "trailing, stream")
      }

      func expectEchoed(in metadata: Metadata, _ place: String) throws {
        let texts = metadata.values(for: "x-echo-text")
        try expect(texts == ["one", "two"], "\(place): x-echo-text is \(texts)")
        let blobs = metadata.binaryValues(for: "x-echo-blob-bin")
        try expect(blobs == [blob, []], "\(place): x-echo-blob-bin is \(blobs)")
      }
    }
  ]
}
