#!/bin/bash
# Proves the cgroup v2 side on a real kernel: boots Debian's cloud kernel under QEMU (software emulation), with an
# initramfs made of this build and the programs it needs, and runs tests/guest/cgroup2.sh as its first process.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

work=build/cgroup2
boot_seconds=900  # emulated, on a busy machine; on an idle one it takes about 20
programs=(/bin/bash /bin/cat /bin/grep /bin/ls /bin/mkdir /bin/mount /bin/sleep /bin/dd /bin/true /usr/bin/python3
  /usr/bin/head /bin/sed /usr/bin/stat /usr/bin/wc /bin/cp /bin/chown
  /bin/chmod /usr/bin/setpriv /sbin/switch_root)

need_root test-cgroup2
packages=(qemu-system-x86 cpio kmod)
missing=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | grep -c ' installed$' || true)
if [ "$missing" -ne ${#packages[@]} ]; then
  step "test-cgroup2: installing ${packages[*]}"
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null ||
    fail "the packages could not be installed" "apt-get update, then again"
fi
scripts/build.sh release codeapi

mkdir -p $work
if ! compgen -G "$work/kernel/boot/vmlinuz-*" >/dev/null; then
  step "test-cgroup2: fetching Debian's cloud kernel"
  name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/ *Depends: //p' | head -1)
  (cd $work && apt-get download -qq "$name") || fail "the kernel could not be fetched" "apt-get update, then again"
  dpkg -x $work/"$name"_*.deb $work/kernel
fi
kernel=$(compgen -G "$work/kernel/boot/vmlinuz-*" | head -1)

step "test-cgroup2: making the initramfs"
root=$work/root
rm -rf $root
mkdir -p $root/{proc,sys,dev,tmp,run,var,etc,codeapi,usr/bin,usr/lib/x86_64-linux-gnu,usr/lib64,usr/sbin}
ln -s usr/bin $root/bin
ln -s usr/lib $root/lib
ln -s usr/lib64 $root/lib64
ln -s usr/sbin $root/sbin
# A program goes in with the libraries it names.
add() {
  local file
  install -D "$(readlink -f "$1")" "$root$2"
  for file in $(ldd "$1" 2>/dev/null | grep -oE '/[^ ]+'); do
    [ -e "$root$file" ] || install -D "$(readlink -f "$file")" "$root$file"
  done
}
for program in "${programs[@]}"; do add "$program" "/usr/bin/$(basename "$program")"; done
for program in codeapi codeapi-jailer codeapi-init; do add build/release/$program /codeapi/$program; done
cp -a /usr/lib/python3.11 $root/usr/lib/python3.11
rm -rf $root/usr/lib/python3.11/{test,idlelib,tkinter,distutils,lib2to3,ensurepip,config-3*}
install -m 755 tests/guest/cgroup2.sh $root/init
(cd $root && find . | cpio -o -H newc --quiet | gzip -1) >$work/initramfs.gz

step "test-cgroup2: booting $(basename "$kernel") ($(du -h $work/initramfs.gz | cut -f1) of initramfs)"
timeout $boot_seconds qemu-system-x86_64 -M pc -accel tcg -cpu max -smp 2 -m 2048 -nodefaults -display none -no-reboot \
  -serial stdio -kernel "$kernel" -initrd $work/initramfs.gz \
  -append "console=ttyS0 panic=-1 quiet systemd.unified_cgroup_hierarchy=1" </dev/null | tee $work/console.log | sed 's/\r$//'
grep -q '^cgroup2: [0-9]* passed, 0 failed' <(tr -d '\r' <$work/console.log) ||
  fail "the guest did not report success" "its console is in $work/console.log"
