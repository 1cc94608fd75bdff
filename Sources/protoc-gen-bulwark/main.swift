print("protoc-gen-bulwark")
