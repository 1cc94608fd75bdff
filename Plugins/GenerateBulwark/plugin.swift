import Foundation
import PackagePlugin

/// `swift package generate-bulwark`: generates Swift from the .proto files of a package, beside its sources.
@main
struct GenerateBulwark: CommandPlugin {
  func performCommand(context: PluginContext, arguments: [String]) async throws {
    let options = try Options(arguments, package: context.package.directoryURL)
    let generator = try context.tool(named: "protoc-gen-bulwark").url
    let jobs = try Self.jobs(in: context.package, options)
    guard !jobs.isEmpty else {
      throw Failure(
        "there are no .proto files in Protos/ or in a target; --proto-path DIRECTORY names another place"
      )
    }
    let compiler = try Self.compiler()
    let includes = options.includes + Self.ownIncludes(from: context.package)
    for job in jobs {
      try Self.run(compiler, job.arguments(generator: generator, includes: includes, options: options))
      print("generated \(job.files.count) files into \(job.output.path)")
    }
  }

  /// The directories that have .proto files, and where each one's Swift goes.
  ///
  /// Files that lie in a target are generated into that target; those of Protos/, or of --proto-path, into the
  /// target that --target names, which need not be said in a package that has only one.
  private static func jobs(in package: Package, _ options: Options) throws -> [Job] {
    let targets = package.targets.compactMap { $0 as? SwiftSourceModuleTarget }.filter { $0.kind != .test }
    let shared = options.protoPath ?? package.directoryURL.appending(path: "Protos")
    if Job(protoPath: shared, output: shared).files.isEmpty {
      return targets.map { Job(protoPath: $0.directoryURL, output: options.output ?? $0.generated) }
        .filter { !$0.files.isEmpty }
    }
    if let output = options.output { return [Job(protoPath: shared, output: output)] }
    let named = targets.filter { options.target == nil || $0.name == options.target }
    guard let target = named.first, named.count == 1 else {
      let names = targets.map(\.name).joined(separator: ", ")
      throw Failure("--target must say which target the Swift goes into: \(names)")
    }
    return [Job(protoPath: shared, output: target.generated)]
  }

  /// Where `import "bulwark/policy.proto"` is found: in Bulwark's own package, which this one depends on or is.
  private static func ownIncludes(from package: Package) -> [URL] {
    var packages = [package]
    var seen: Set<Package.ID> = []
    while let package = packages.popLast() {
      guard seen.insert(package.id).inserted else { continue }
      let directory = package.directoryURL.appending(path: "Protos")
      let file = directory.appending(path: "bulwark/policy.proto")
      if FileManager.default.fileExists(atPath: file.path) { return [directory] }
      packages += package.dependencies.map(\.package)
    }
    return []
  }

  /// The protoc that $PROTOC names, or the first on the PATH.
  private static func compiler() throws -> URL {
    let environment = ProcessInfo.processInfo.environment
    let named = environment["PROTOC"].map { [$0] } ?? []
    let onPath = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/protoc" }
    let found = (named + onPath).first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let found else {
      throw Failure(
        "protoc was not found: install it (apt install protobuf-compiler) or set PROTOC to its path"
      )
    }
    return URL(filePath: found)
  }

  private static func run(_ compiler: URL, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = compiler
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure("protoc failed; what it says is above") }
  }
}

extension SwiftSourceModuleTarget {
  /// Where the target's generated files go.
  fileprivate var generated: URL { self.directoryURL.appending(path: "Generated") }
}

/// One run of protoc: all files below a directory.
private struct Job {
  let protoPath: URL
  let output: URL

  /// The .proto files, relative to the directory.
  let files: [String]

  init(protoPath: URL, output: URL) {
    self.protoPath = protoPath
    self.output = output
    let paths = FileManager.default.enumerator(atPath: protoPath.path)?.compactMap { $0 as? String } ?? []
    self.files = paths.filter { $0.hasSuffix(".proto") }.sorted()
  }

  func arguments(generator: URL, includes: [URL], options: Options) throws -> [String] {
    try FileManager.default.createDirectory(at: self.output, withIntermediateDirectories: true)
    return [
      "--plugin=protoc-gen-bulwark=\(generator.path)", "--bulwark_out=\(self.output.path)",
      "--bulwark_opt=\(options.generatorOptions.joined(separator: ","))",
      "--proto_path=\(self.protoPath.path)",
    ] + includes.map { "--proto_path=\($0.path)" } + self.files
  }
}

/// What the command line says.
private struct Options {
  var protoPath: URL?
  var output: URL?
  var target: String?
  var includes: [URL] = []
  var generatorOptions: [String] = []

  static let usage = """
    usage: swift package generate-bulwark [--proto-path DIRECTORY] [--target NAME | --output DIRECTORY]
      [--include DIRECTORY]… [--visibility public|package|internal] [--option KEY=VALUE]…
    """

  init(_ arguments: [String], package: URL) throws {
    var rest = arguments[...]
    func directory(_ path: String) -> URL {
      URL(filePath: path, directoryHint: .isDirectory, relativeTo: package)
    }
    while let name = rest.popFirst() {
      if name == "--help" || name == "-h" { throw Failure(Self.usage) }
      guard let value = rest.popFirst() else { throw Failure("\(name) needs a value\n\(Self.usage)") }
      switch name {
      case "--proto-path": self.protoPath = directory(value)
      case "--output": self.output = directory(value)
      case "--target": self.target = value
      case "--include": self.includes.append(directory(value))
      case "--visibility": self.generatorOptions.append("Visibility=\(value)")
      case "--option": self.generatorOptions.append(value)
      default: throw Failure("unknown option \(name)\n\(Self.usage)")
      }
    }
  }
}

/// Why nothing was generated, in words for a person.
private struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
