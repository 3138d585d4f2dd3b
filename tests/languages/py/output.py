for _ in range(5 << 10):
    print("x" * 1023)
