for (i in 1:5120) cat(strrep("x", 1023), "\n", sep = "")
