program main
  character(len=64) :: line
  open (10, file="data.txt", status="old")
  read (10, '(a)') line
  print '(a)', trim(line)
end program
