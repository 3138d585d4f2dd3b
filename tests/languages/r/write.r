writeLines("written", "out.txt")
