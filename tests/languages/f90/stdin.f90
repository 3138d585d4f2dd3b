program main
  integer :: n, total, status
  total = 0
  do
    read (*, *, iostat=status) n
    if (status /= 0) exit
    total = total + n
  end do
  print '(i0)', total
end program
