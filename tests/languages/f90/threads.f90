program main
  use iso_c_binding
  implicit none
  interface
    integer(c_int) function pthread_create(thread, attributes, start, argument) bind(c)
      import
      integer(c_long) :: thread
      type(c_ptr), value :: attributes, argument
      type(c_funptr), value :: start
    end function
    integer(c_int) function pthread_join(thread, result) bind(c)
      import
      integer(c_long), value :: thread
      type(c_ptr), value :: result
    end function
  end interface
  integer, target :: counts(4)
  integer(c_long) :: threads(4)
  integer :: i, status
  counts = 0
  do i = 1, 4
    status = pthread_create(threads(i), c_null_ptr, c_funloc(add), c_loc(counts(i)))
  end do
  do i = 1, 4
    status = pthread_join(threads(i), c_null_ptr)
  end do
  print '(i0)', sum(counts)
contains
  type(c_ptr) function add(argument) bind(c)
    type(c_ptr), value :: argument
    integer, pointer :: count
    integer :: n
    call c_f_pointer(argument, count)
    do n = 1, 1000
      count = count + 1
    end do
    add = c_null_ptr
  end function
end program
