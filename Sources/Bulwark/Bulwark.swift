// The umbrella: what a user imports. Balancing, the wire and HTTP/2 come along for the limits that a configuration is made of.
@_exported import BulwarkBalancing
@_exported import BulwarkCore
@_exported import BulwarkHTTP2
@_exported import BulwarkInProcess
@_exported import BulwarkInterceptors
@_exported import BulwarkProtobuf
@_exported import BulwarkServices
@_exported import BulwarkTransport
@_exported import BulwarkWire
