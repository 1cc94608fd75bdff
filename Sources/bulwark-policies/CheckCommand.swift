import ArgumentParser
import BulwarkConfiguration
import BulwarkCore
import BulwarkInterceptors

/// `bulwark-policies check`.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Tells everything that is wrong with files of policies."
  )

  @Argument(help: "Files of policies: YAML or JSON, by the end of their names.")
  var files: [String] = []

  @Option(name: .customLong("service-config"), help: "A gRPC service config in JSON. Can be given again.")
  var serviceConfigs: [String] = []

  @Option(
    help: "What protoc --descriptor_set_out --include_imports wrote: selectors must name methods in it."
  )
  var descriptorSet: String?

  func validate() throws {
    if self.files.isEmpty && self.serviceConfigs.isEmpty {
      throw ValidationError("There is nothing to check.")
    }
  }

  func run() throws {
    var isFine = true
    let methods = try self.descriptorSet.map { path in
      try orExit { () throws(Finding) in try DescriptorSet(path: path).methods }
    }
    for file in self.files {
      isFine =
        self.check(file) { () throws(ConfigurationError) in
          try PolicySet(configurationFile: file, methods: methods)
        } && isFine
    }
    for file in self.serviceConfigs {
      isFine =
        self.check(file) { () throws(ConfigurationError) in
          try PolicySet(serviceConfigFile: file) { Output.complain("warning: \($0)") }
        } && isFine
    }
    if !isFine { throw ExitCode.failure }
  }

  private func check(_ file: String, _ read: () throws(ConfigurationError) -> PolicySet) -> Bool {
    do throws(ConfigurationError) {
      let count = try read().policies.count
      print("\(file): fine, \(count) \(count == 1 ? "selector" : "selectors")")
      return true
    } catch {
      Output.complain(error)
      return false
    }
  }
}

/// The result, or else the end of the program with what went wrong.
func orExit<Value, Failure: CustomStringConvertible>(_ body: () throws(Failure) -> Value) throws -> Value {
  do throws(Failure) {
    return try body()
  } catch {
    Output.complain(error)
    throw ExitCode.failure
  }
}
