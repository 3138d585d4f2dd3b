cat(readLines("data.txt"), "\n", sep = "")
