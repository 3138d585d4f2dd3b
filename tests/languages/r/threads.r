cat(sum(unlist(parallel::mclapply(1:4, function(i) sum(rep(1, 1000)), mc.cores = 4))), "\n", sep = "")
