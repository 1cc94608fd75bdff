/// Arguments of gRPC's interop programs, whose switches stand alone or carry their value.
public enum SwitchArguments {
  /// Gives each switch that stands alone its value, so that `--use_tls` and `--use_tls=true` say the same.
  public static func completed(_ arguments: [String], switches: Set<String>) -> [String] {
    arguments.map { switches.contains($0) ? "\($0)=true" : $0 }
  }
}
