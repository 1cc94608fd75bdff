print("consensus-demo")
