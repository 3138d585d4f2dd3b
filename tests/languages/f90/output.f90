program main
  integer :: i
  do i = 1, 5 * 1024
    print '(a)', repeat("x", 1023)
  end do
end program
