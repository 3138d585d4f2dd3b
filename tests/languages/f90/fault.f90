program main
  print '(a)', "begin"
  error stop 2
end program
