for i in 1 2 3 4; do (for ((n = 0; n < 1000; n++)); do :; done; echo "$n" > "/tmp/$i") & done
wait
echo $(($(cat /tmp/1) + $(cat /tmp/2) + $(cat /tmp/3) + $(cat /tmp/4)))
