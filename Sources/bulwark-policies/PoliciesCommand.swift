import ArgumentParser

@main
struct PoliciesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bulwark-policies",
    abstract: "Checks the policies of RPC methods, and shows what holds for each and where it comes from.",
    discussion: "Exits with 0 if all is well, and with 1 if something is wrong with what it was given.",
    subcommands: [CheckCommand.self, ShowCommand.self]
  )
}
