import ArgumentParser

@main
struct ConsensusClientCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "consensus-client",
    abstract: "Talks to a validator's node: look at the chain, vote, propose, verify.",
    subcommands: [
      StatusCommand.self, VoteCommand.self, ProposeCommand.self, VerifyCommand.self, UploadCommand.self,
      SyncCommand.self, WatchCommand.self, FaultsCommand.self,
    ]
  )
}
