print("consensus-client")
