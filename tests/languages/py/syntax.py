print("begin")
print("unclosed
