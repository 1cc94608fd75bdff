import PackagePlugin

@main
struct GenerateBulwark: CommandPlugin {
  func performCommand(context: PluginContext, arguments: [String]) async throws {}
}
