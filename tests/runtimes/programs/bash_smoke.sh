# What shell programs commonly do, one line `name=outcome` each: the exit status and what was printed.
cd "$(mktemp -d)" || exit 1
try() {
  local name=$1 output
  shift
  output=$("$@" 2>/dev/null </dev/null)
  echo "$name=$? $(printf %s "$output" | tr '\n' ' ' | cut -c1-60)"
}
sh() { bash -c "$1"; }

try substitution sh 'cat <(echo a) <(echo b)'
try into_substitution sh 'echo a > >(cat > out); for i in {1..500}; do [ -s out ] && break; sleep .01; done; cat out'
try here_document sh 'cat <<E
x
E'
try coprocess sh 'coproc cat; echo x >&${COPROC[1]}; read -r y <&${COPROC[0]}; echo $y'
try job_control sh 'set -m; sleep 50 & kill %1; wait %1; echo $?'
try trap sh 'trap "echo caught" USR1; kill -USR1 $$; trap "echo left" EXIT'
try arrays sh 'declare -A a=([x]=1); mapfile -t l < <(seq 3); echo ${a[x]} ${#l[@]}'
try pipe_status sh 'false | true; echo ${PIPESTATUS[*]}'
try fifo sh 'mkfifo f; echo x > f & cat f'
try locks sh 'flock l -c "echo locked"'
try timeout sh 'timeout .1 sleep 50; echo $?'
try signals sh 'sleep 50 & kill -STOP $!; kill -CONT $!; kill $!; wait $!; echo $?'
try session setsid -w echo x
try nohup nohup echo x
try nice nice -n 5 nice
try renice sh 'renice -n 3 $$ >/dev/null; nice'
try not_nicer nice -n -5 true
try affinity sh 'taskset -c 0 echo pinned'
try affinity_of sh 'taskset -p $$ | grep -c mask'
try io_priority sh 'ionice -p $$ | wc -l'
try io_priority_set ionice -c 3 true
try scheduler sh 'chrt -p $$ | head -1 | grep -c OTHER; chrt -b 0 echo batch'
try realtime chrt -f 1 true
try limits sh 'ulimit -n 100; ulimit -n; prlimit --nofile | wc -l'
try parallel sh 'seq 20 | xargs -P 4 -I{} echo {} | sort -n | tail -1'
try find sh 'mkdir -p a/b; touch a/b/c; find . -name c -newer / -print'
try archive sh 'mkdir t; echo x > t/f; tar czf t.tgz t; rm -r t; tar xzf t.tgz; cat t/f'
try copy sh 'echo x > 1; cp --reflink=auto --sparse=always -a 1 2; cp -r /etc/passwd 3; cmp 1 2; cat 2'
try move sh 'echo x > /dev/shm/m$$; mv /dev/shm/m$$ .; cat m*'
try links sh 'echo x > o; ln o h; ln -s o s; cat h s; stat -c %h o'
try sparse sh 'truncate -s 1G big; stat -c %s big; fallocate -l 1M full; fallocate -p -o 0 -l 4096 full; stat -c %s full'
try sync sh 'echo x > y; sync y; sync; echo done'
try dd sh 'dd if=/dev/zero of=z bs=1k count=3 conv=fsync status=none; stat -c %s z'
try split sh 'seq 100 | split -n r/3; ls x?? | wc -l'
try sort sh 'seq 100000 | sort -R --parallel=2 -S 1M | sort -n | tail -1'
try text sh 'echo aXb | sed s/X/-/ | awk -F- "{print \$2}" | grep -o b'
try date sh 'TZ=Europe/Berlin date -d @0 +%H:%M'
try locale sh 'printf "\u00e9" | wc -m'
try attributes sh 'touch a1; setfattr -n user.x -v y a1 2>/dev/null; getfattr --only-values -n user.x a1 2>/dev/null; echo'
try who sh 'test "$(id -u)" = "$(stat -c %u .)"; echo $?; id -un >/dev/null; echo $?'
try host sh 'getent hosts localhost | wc -l'
try processes sh 'ps -o comm= -p $$; pgrep -x bash -u $(id -u) >/dev/null; echo $?'
try memory sh 'free -m | wc -l; nproc >/dev/null; echo $?'
try terminal sh 'tty; stty size; echo $?'
try pseudo_terminal sh 'script -qec "echo in a terminal" /dev/null | tr -d "\r"'
try personality setarch -R true
try namespace unshare -r true
try trace sh 'strace -V >/dev/null 2>&1 || exit 0; strace -o /dev/null true'
try network sh 'exec 3<>/dev/tcp/127.0.0.1/9'
try devices sh 'echo x > /dev/null; head -c 3 /dev/zero | wc -c; head -c 8 /dev/urandom | wc -c; echo e > /dev/stderr; cat /dev/fd/0'
try full sh 'echo x > /dev/full'
try json sh 'echo "{\"a\":[1,2]}" | jq -c .a'
