#!/bin/bash
# The first process of the guest that scripts/test-cgroup2.sh boots: checks that cells work on cgroup v2 alone, and ends
# with a line of figures. Each check runs a program in a cell and looks at how it ended.
export PATH=/usr/bin
# The initramfs itself cannot be the root of a mount tree that is pivoted; a tmpfs can.
if [ "${1:-}" != moved ]; then
  mkdir /new
  mount -t tmpfs -o mode=755 new /new
  cp -a /bin /lib /lib64 /sbin /usr /codeapi /init /new
  mkdir -p /new/{proc,sys,dev,tmp,run,var,etc}
  exec switch_root /new /init moved
fi
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup

passed=0
failed=0

# check NAME WANTED ACTUAL
check() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
    echo "ok: $1"
  else
    failed=$((failed + 1))
    echo "FAILED: $1: wanted '$2', got '$3'"
  fi
}

# run NAME CODE: what `codeapi run` printed on stderr, and its exit status, as "STATUS TEXT"
run() {
  local text status
  printf '%s' "$2" >/tmp/"$1"
  text=$(cd /tmp && /codeapi/codeapi run --timeout 120000 --out /tmp/out /tmp/"$1" 2>&1)
  status=$?
  echo "$status $text"
}

/codeapi/codeapi doctor
check "doctor finds version 2" 1 "$(/codeapi/codeapi doctor | grep -c '^cgroups *ok *v2')"
check "a program runs" "0 hello" "$(run hello.sh 'echo hello')"
check "a program is in its own cgroup" "0 0::/" "$(run own.sh 'cat /proc/self/cgroup')"
check "memory: the program itself" "137 [sandbox] Out of memory" \
  "$(run memory.py 'a = []
while True: a.append(bytearray(16 << 20))')"
check "memory: a child ends the cell" "137 [sandbox] Out of memory" \
  "$(run child.sh 'python3 -c "
a = []
while True: a.append(bytearray(16 << 20))"; echo survived')"
check "memory: a full workspace is not a memory verdict" "0 full" \
  "$(run full.py 'import errno
try:
  for i in range(20):
    with open(f"/tmp/f{i}", "wb") as f:
      for _ in range(90): f.write(bytes(1 << 20))
except OSError as e:
  print("full" if e.errno == errno.ENOSPC else e)')"
check "processes: the limit holds" "0 yes" \
  "$(run fork.py 'import os, time
n = 0
try:
  while n < 500:
    if os.fork() == 0: time.sleep(100)
    n += 1
except BlockingIOError:
  pass
print("yes" if 100 <= n <= 128 else n)')"
check "cpu: bandwidth and weight are written" "0 yes" \
  "$(CODEAPI_SANDBOX_CPUS=0.5 CODEAPI_SANDBOX_CPU_WEIGHT=40 run share.sh 'sleep 1; echo yes' &
  until compgen -G "/sys/fs/cgroup/codeapi.*/cell-*/cpu.weight" >/dev/null; do :; done
  until grep -qx 40 /sys/fs/cgroup/codeapi.*/cell-*/cpu.weight 2>/dev/null; do :; done
  grep -q '^50000 100000$' /sys/fs/cgroup/codeapi.*/cell-*/cpu.max || echo "no cpu.max"
  wait)"
check "cpu: time of children counts" "137 [sandbox] CPU time limit exceeded" \
  "$(SANDBOX_RUN_CPU_TIME=2000 run cpu.sh 'for i in 1 2; do while :; do :; done & done; wait')"
# An ordinary user whose session manager has delegated it a group of its own, as systemd does.
mkdir /sys/fs/cgroup/session
echo '+memory +pids +cpu' >/sys/fs/cgroup/cgroup.subtree_control
echo '+memory +pids +cpu' >/sys/fs/cgroup/session/cgroup.subtree_control
chown -R 4242:4242 /sys/fs/cgroup/session /tmp/out
chmod 1777 /tmp
# as_user COMMAND...: runs it as that user, in a fresh group of its own.
as_user() {
  (
    group=/sys/fs/cgroup/session/run-$BASHPID
    mkdir "$group"
    chown 4242:4242 "$group" "$group"/*
    echo $BASHPID >"$group"/cgroup.procs
    exec setpriv --reuid=4242 --regid=4242 --clear-groups --inh-caps=-all --bounding-set=-all "$@"
  )
}
as_user /codeapi/codeapi doctor | sed -n "/cgroups/,/seccomp/p"
check "rootless: doctor finds version 2" 1 "$(as_user /codeapi/codeapi doctor | grep -c '^cgroups *ok *v2')"
check "rootless: memory has a verdict" "137 [sandbox] Out of memory" \
  "$(text=$(as_user /codeapi/codeapi run --timeout 120000 --out /tmp/out /tmp/child.sh 2>&1); echo "$? $text")"
check "rootless: processes are limited" "0 yes" \
  "$(text=$(as_user /codeapi/codeapi run --timeout 120000 --out /tmp/out /tmp/fork.py 2>&1); echo "$? $text")"
check "no group is left behind" 0 "$(compgen -G "/sys/fs/cgroup/{,session/,session/*/}codeapi.*" | wc -l)"
echo "cgroup2: $passed passed, $failed failed"
mount -o remount,ro / 2>/dev/null
echo o >/proc/sysrq-trigger
sleep 60
