f <- function() stop("on purpose")
f()
