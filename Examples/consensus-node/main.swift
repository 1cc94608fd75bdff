print("consensus-node")
