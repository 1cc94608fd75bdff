print("bench-client")
