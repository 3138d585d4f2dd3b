def divide(a):
    return a / 0


divide(1)
