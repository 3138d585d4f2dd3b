program main
  implicit none
  x = 3
end program
