echo written > out.txt
