program main
  open (10, file="out.txt", status="new")
  write (10, '(a)') "written"
  close (10)
end program
