cat("begin\n")
x <- 3 y
