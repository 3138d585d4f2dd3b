program main
  character(len=64) :: arg
  integer :: i, n
  do i = 1, command_argument_count()
    call get_command_argument(i, arg, n)
    print '(a)', arg(1:n)
  end do
end program
