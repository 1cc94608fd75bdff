// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let certificates: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let swiftProtobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")

let package = Package(
  name: "bulwark",
  platforms: [.macOS(.v26)],
  products: [
    .library(name: "Bulwark", targets: ["Bulwark"]),
    .library(name: "BulwarkResilience", targets: ["BulwarkResilience"]),
    .library(name: "BulwarkInProcess", targets: ["BulwarkInProcess"]),
    .library(name: "BulwarkProtobuf", targets: ["BulwarkProtobuf"]),
    .library(name: "BulwarkSwiftProtobuf", targets: ["BulwarkSwiftProtobuf"]),
    .library(name: "BulwarkServices", targets: ["BulwarkServices"]),
    .library(name: "BulwarkTestKit", targets: ["BulwarkTestKit"]),
    .library(name: "BulwarkConfiguration", targets: ["BulwarkConfiguration"]),
    .library(name: "BulwarkCodeGen", targets: ["BulwarkCodeGen"]),
    .executable(name: "protoc-gen-bulwark", targets: ["protoc-gen-bulwark"]),
    .plugin(name: "GenerateBulwark", targets: ["GenerateBulwark"]),
    .executable(name: "bulwark-policies", targets: ["bulwark-policies"]),
    .executable(name: "consensus-node", targets: ["consensus-node"]),
    .executable(name: "consensus-client", targets: ["consensus-client"]),
    .executable(name: "consensus-demo", targets: ["consensus-demo"]),
    .executable(name: "message-crosscheck", targets: ["message-crosscheck"]),
    .executable(name: "bench-server", targets: ["bench-server"]),
    .executable(name: "bench-client", targets: ["bench-client"]),
    .executable(name: "interop-server", targets: ["interop-server"]),
    .executable(name: "interop-client", targets: ["interop-client"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.10.0"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.3.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.11.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-crypto", "3.12.0"..<"5.0.0"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // C: the system libraries, and the few lines that Swift cannot say.
    .systemLibrary(
      name: "CNghttp2",
      pkgConfig: "libnghttp2",
      providers: [.apt(["libnghttp2-dev"]), .brew(["libnghttp2"])]
    ),
    .systemLibrary(
      name: "CProtobufC",
      pkgConfig: "libprotobuf-c",
      providers: [.apt(["libprotobuf-c-dev"]), .brew(["protobuf-c"])]
    ),
    .systemLibrary(
      name: "CZlib",
      pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]
    ),
    .target(name: "CBulwark", dependencies: ["CNghttp2", "CProtobufC"]),

    // The policies, which any Swift program can use alone.
    .target(name: "BulwarkResilience", swiftSettings: settings),

    // The stack, lowest first.
    .target(name: "BulwarkCore", dependencies: [nioCore], swiftSettings: settings),
    .target(
      name: "BulwarkHTTP2",
      dependencies: ["CNghttp2", "CBulwark", nioCore, collections],
      swiftSettings: settings
    ),
    .target(name: "BulwarkCompression", dependencies: ["CZlib", nioCore], swiftSettings: settings),
    .target(
      name: "BulwarkWire",
      dependencies: ["BulwarkHTTP2", "BulwarkCompression", "BulwarkCore", nioCore, collections],
      swiftSettings: settings
    ),
    .target(name: "BulwarkBalancing", dependencies: ["BulwarkCore"], swiftSettings: settings),
    .target(
      name: "BulwarkTransport",
      dependencies: [
        "BulwarkWire", "BulwarkBalancing", "BulwarkCore", nioCore, nioPosix, nioTLS, nioSSL, logging,
        lifecycle,
        collections,
      ],
      swiftSettings: settings
    ),
    .target(
      name: "BulwarkInProcess",
      dependencies: ["BulwarkWire", "BulwarkCore", nioCore, collections],
      swiftSettings: settings
    ),
    .target(
      name: "BulwarkProtobuf",
      dependencies: ["CProtobufC", "CBulwark", "BulwarkCore", nioCore],
      swiftSettings: settings
    ),
    // The same for the messages that swift-protobuf's generator writes.
    .target(
      name: "BulwarkSwiftProtobuf",
      dependencies: ["BulwarkCore", nioCore, swiftProtobuf],
      swiftSettings: settings
    ),
    .target(
      name: "BulwarkServices",
      dependencies: ["BulwarkCore", "BulwarkProtobuf", "BulwarkResilience"],
      swiftSettings: settings
    ),
    .target(
      name: "BulwarkTestKit",
      dependencies: [
        "BulwarkCore", "BulwarkWire", "BulwarkHTTP2", "BulwarkResilience", nioCore,
        collections,
      ],
      swiftSettings: settings
    ),
    // Joins the two: the policies of each RPC method.
    .target(
      name: "BulwarkInterceptors",
      dependencies: ["BulwarkCore", "BulwarkResilience", "BulwarkProtobuf", nioCore],
      swiftSettings: settings
    ),

    .target(
      name: "Bulwark",
      dependencies: [
        "BulwarkCore", "BulwarkHTTP2", "BulwarkWire", "BulwarkBalancing", "BulwarkTransport",
        "BulwarkInProcess",
        "BulwarkProtobuf",
        "BulwarkInterceptors", "BulwarkServices",
      ],
      swiftSettings: settings
    ),

    // The policies of each RPC method, read from files and from the environment.
    .target(
      name: "BulwarkConfiguration",
      dependencies: [
        "BulwarkCore", "BulwarkInterceptors", "BulwarkResilience", configuration, yams, logging, lifecycle,
      ],
      swiftSettings: settings
    ),
    .executableTarget(
      name: "bulwark-policies",
      dependencies: [
        "BulwarkConfiguration", "BulwarkInterceptors", "BulwarkResilience", "BulwarkCore", "BulwarkCodeGen",
        arguments,
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "SwiftProtobufPluginLibrary", package: "swift-protobuf"),
      ],
      swiftSettings: settings
    ),

    // The generator.
    .target(
      name: "BulwarkCodeGen",
      dependencies: [
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "SwiftProtobufPluginLibrary", package: "swift-protobuf"),
      ],
      swiftSettings: settings
    ),
    .executableTarget(
      name: "protoc-gen-bulwark",
      dependencies: ["BulwarkCodeGen"],
      swiftSettings: settings
    ),
    .plugin(
      name: "GenerateBulwark",
      capability: .command(
        intent: .custom(
          verb: "generate-bulwark",
          description: "Generates Swift from a package's .proto files."
        ),
        permissions: [.writeToPackageDirectory(reason: "Writes the generated Swift beside your sources.")]
      ),
      dependencies: ["protoc-gen-bulwark"]
    ),

    // The example service, and the two programs that measurements are made with.
    .target(
      name: "ConsensusService",
      dependencies: ["Bulwark", "BulwarkResilience", crypto],
      path: "Examples/ConsensusService",
      exclude: ["README.md"],
      swiftSettings: settings
    ),
    .target(
      name: "Interceptors",
      dependencies: ["Bulwark", logging],
      path: "Examples/Interceptors",
      swiftSettings: settings
    ),
    .executableTarget(
      name: "consensus-node",
      dependencies: [
        "ConsensusService", "Bulwark", "BulwarkConfiguration", "BulwarkResilience", "BulwarkTestKit",
        nioPosix,
        arguments, logging, lifecycle, signals,
      ],
      path: "Examples/consensus-node",
      swiftSettings: settings
    ),
    .executableTarget(
      name: "consensus-client",
      dependencies: ["ConsensusService", "Bulwark", arguments],
      path: "Examples/consensus-client",
      swiftSettings: settings
    ),
    .executableTarget(
      name: "consensus-demo",
      dependencies: ["ConsensusService", "Bulwark", "BulwarkResilience", arguments],
      path: "Examples/consensus-demo",
      exclude: ["README.md"],
      swiftSettings: settings
    ),
    .target(
      name: "BenchEcho",
      dependencies: ["Bulwark"],
      path: "Examples/BenchEcho",
      swiftSettings: settings
    ),
    .executableTarget(
      name: "bench-server",
      dependencies: ["BenchEcho", "Bulwark", arguments, lifecycle, signals, logging, nioPosix],
      path: "Examples/bench-server",
      swiftSettings: settings
    ),
    .executableTarget(
      name: "bench-client",
      dependencies: ["BenchEcho", "Bulwark", arguments, nioCore, nioPosix],
      path: "Examples/bench-client",
      swiftSettings: settings
    ),
    // gRPC's own interop programs: its TestService and the client of its cases.
    .target(
      name: "GRPCTesting",
      dependencies: ["Bulwark"],
      path: "Examples/GRPCTesting",
      swiftSettings: settings
    ),
    .executableTarget(
      name: "interop-server",
      dependencies: ["GRPCTesting", "Bulwark", arguments, lifecycle, signals, logging],
      path: "Examples/interop-server",
      swiftSettings: settings
    ),
    .executableTarget(
      name: "interop-client",
      dependencies: ["GRPCTesting", "Bulwark", arguments],
      path: "Examples/interop-client",
      swiftSettings: settings
    ),

    // The messages of the tests, and the program that another implementation compares itself with.
    .target(
      name: "TestMessages",
      dependencies: ["BulwarkProtobuf", "BulwarkCore"],
      path: "Tests/TestMessages",
      swiftSettings: settings
    ),
    // The same messages as swift-protobuf's generator writes them, and a service with such messages. Without the settings,
    // as in a package that has had them before.
    .target(
      name: "SwiftProtobufMessages",
      dependencies: ["BulwarkSwiftProtobuf", "BulwarkInterceptors", "BulwarkCore", swiftProtobuf],
      path: "Tests/SwiftProtobufMessages"
    ),
    .executableTarget(
      name: "message-crosscheck",
      dependencies: ["TestMessages", "ConsensusService", "BenchEcho", "BulwarkProtobuf", "BulwarkCore"],
      path: "Tests/MessageCrosscheck",
      swiftSettings: settings
    ),

    // What other gRPC stacks judge, and are judged by: see Tests/Interop.
    .executableTarget(
      name: "interop-peer",
      dependencies: [
        "Bulwark", "BulwarkWire", "BulwarkTestKit", "SwiftProtobufMessages", swiftProtobuf, arguments,
        lifecycle,
        signals, logging,
      ],
      path: "Tests/interop-peer",
      swiftSettings: settings
    ),

    // One test target per module, plus simulation.
    .testTarget(
      name: "BulwarkResilienceTests",
      dependencies: ["BulwarkResilience", "BulwarkTestKit", "BulwarkCore"],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkInterceptorsTests",
      dependencies: [
        "BulwarkInterceptors", "BulwarkCore", "BulwarkResilience", "BulwarkProtobuf", "BulwarkTestKit",
        "BulwarkWire", "BulwarkHTTP2", "BulwarkTransport", nioCore,
      ],
      exclude: ["Protos"],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkConfigurationTests",
      dependencies: [
        "BulwarkConfiguration", "BulwarkInterceptors", "BulwarkCore", "BulwarkResilience", configuration,
        logging, lifecycle,
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkPoliciesTests",
      dependencies: [
        "bulwark-policies", "BulwarkInterceptors", "BulwarkCore", arguments,
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkCoreTests",
      dependencies: ["BulwarkCore", "BulwarkTestKit", nioCore],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkHTTP2Tests",
      dependencies: ["BulwarkHTTP2", "BulwarkTestKit", "CNghttp2", nioCore],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkCompressionTests",
      dependencies: ["BulwarkCompression", "BulwarkTestKit", nioCore],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkWireTests",
      dependencies: [
        "BulwarkWire", "BulwarkHTTP2", "BulwarkCompression", "BulwarkCore", "BulwarkTestKit", nioCore,
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkBalancingTests",
      dependencies: ["BulwarkBalancing", "BulwarkCore", "BulwarkTestKit"],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkSimulationTests",
      dependencies: ["BulwarkWire", "BulwarkHTTP2", "BulwarkCore", "BulwarkTestKit", nioCore],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkTransportTests",
      dependencies: [
        "BulwarkTransport", "BulwarkBalancing", "BulwarkWire", "BulwarkCore", "BulwarkHTTP2",
        "BulwarkInProcess",
        "BulwarkTestKit",
        nioCore, nioPosix, nioEmbedded, nioSSL, logging, certificates, asn1, crypto,
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkInProcessTests",
      dependencies: [
        "BulwarkInProcess", "BulwarkTransport", "BulwarkWire", "BulwarkCore", "BulwarkTestKit", nioCore,
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkProtobufTests",
      dependencies: ["BulwarkProtobuf", "BulwarkCore", "TestMessages", nioCore],
      exclude: ["Protos"],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkSwiftProtobufTests",
      dependencies: [
        "BulwarkSwiftProtobuf", "Bulwark", "BulwarkInterceptors", "BulwarkProtobuf", "BulwarkCore",
        "BulwarkTestKit", "SwiftProtobufMessages", "TestMessages", nioCore, swiftProtobuf,
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkServicesTests",
      dependencies: [
        "BulwarkServices", "BulwarkTransport", "BulwarkInProcess", "BulwarkResilience", "BulwarkProtobuf",
        "BulwarkCore",
        "BulwarkTestKit", "TestMessages", nioCore,
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BulwarkCodeGenTests",
      dependencies: [
        "BulwarkCodeGen", "BulwarkInterceptors", "BulwarkResilience",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "SwiftProtobufPluginLibrary", package: "swift-protobuf"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "BenchClientTests",
      dependencies: ["bench-client"],
      path: "Examples/Tests/BenchClientTests",
      swiftSettings: settings
    ),
    .testTarget(
      name: "ConsensusDemoTests",
      dependencies: ["consensus-demo", "Bulwark"],
      path: "Examples/Tests/ConsensusDemoTests",
      swiftSettings: settings
    ),
    .testTarget(
      name: "ConsensusServiceTests",
      dependencies: ["ConsensusService", "Bulwark", "BulwarkResilience", "BulwarkTestKit", nioCore],
      path: "Examples/Tests/ConsensusServiceTests",
      swiftSettings: settings
    ),
    .testTarget(
      name: "InterceptorsTests",
      dependencies: ["Interceptors", "Bulwark", logging, nioCore],
      path: "Examples/Tests/InterceptorsTests",
      swiftSettings: settings
    ),
  ]
)
