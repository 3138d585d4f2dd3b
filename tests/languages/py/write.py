open("out.txt", "w").write("written\n")
