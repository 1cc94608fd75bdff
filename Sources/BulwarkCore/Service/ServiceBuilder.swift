/// Puts the services of a server together: `Server(listening: …) { Validator(); Health() }`.
@resultBuilder
public enum ServiceBuilder {
  // Each function is one form of expression that the builder understands; all flatten to a list.
  public static func buildExpression(_ service: any RPCService) -> [any RPCService] { [service] }
  public static func buildExpression(_ services: [any RPCService]) -> [any RPCService] { services }
  public static func buildBlock(_ parts: [any RPCService]...) -> [any RPCService] { parts.flatMap { $0 } }
  public static func buildOptional(_ part: [any RPCService]?) -> [any RPCService] { part ?? [] }
  public static func buildEither(first part: [any RPCService]) -> [any RPCService] { part }
  public static func buildEither(second part: [any RPCService]) -> [any RPCService] { part }
  public static func buildArray(_ parts: [[any RPCService]]) -> [any RPCService] { parts.flatMap { $0 } }
}
