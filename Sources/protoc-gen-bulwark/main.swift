import BulwarkCodeGen
import SwiftProtobufPluginLibrary

BulwarkGenerator.main()
