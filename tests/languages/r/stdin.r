cat(sum(as.numeric(readLines(file("stdin")))), "\n", sep = "")
