program main
  type block
    integer(1), allocatable :: bytes(:)
  end type
  type(block) :: blocks(1000)
  integer :: i
  do i = 1, 1000
    allocate (blocks(i)%bytes(16 * 1024 * 1024))
    blocks(i)%bytes = int(mod(i, 100), 1)
  end do
  print *, blocks(1000)%bytes(7)
end program
