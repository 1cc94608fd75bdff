// The umbrella: what a user imports.
@_exported import BulwarkCore
@_exported import BulwarkProtobuf
@_exported import BulwarkTransport
