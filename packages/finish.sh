#!/bin/sh
# Turns an installed Debian tree into a root for cells. Runs inside of the tree (chroot), as root, with nothing mounted but
# /proc; whatever it calls comes from the tree itself. Arguments: the locales to make.
#
# What a cell sees of the tree is /usr (with bin, lib and sbin), /node_modules and what /usr/lib/codeapi holds: cells get
# links to that instead of mounts, since every mount makes every cell slower.
set -eu
# Where the builder puts it. Started by hand from anywhere else it would take this machine's own tree apart.
if [ "$0" != /tmp/finish.sh ]; then
  echo "finish: codeapi package-init runs this inside of a tree that it builds" >&2
  exit 1
fi
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
own=/usr/lib/codeapi
mkdir -p $own

say() { echo "finish: $*"; }

say locales
for locale in "$@"; do
  localedef -i "${locale%.*}" -f "${locale#*.}" "$locale"
done
# The sources of locales are 15 MB that only localedef reads.
rm -rf /usr/share/i18n

say "privileged and needless programs"
# Nobody may become somebody else in a cell: setuid bits mean nothing there, so their programs could only fail.
find / -xdev -type f -perm /6000 -exec chmod u-s,g-s {} +
find / -xdev -type d -perm /6000 -exec chmod u-s,g-s {} +
for name in mount umount su passwd chsh chfn gpasswd newgrp chage expiry sg login nologin agetty sulogin runuser \
  unix_chkpwd pwck grpck vipw vigr useradd userdel usermod groupadd groupdel groupmod groupmems newusers chpasswd \
  chgpasswd pwconv pwunconv grpconv grpunconv losetup swapon swapoff mkswap fdisk sfdisk cfdisk fsck mkfs \
  mkfs.bfs mkfs.cramfs mkfs.minix fsck.cramfs fsck.minix blkdiscard blkid blkzone blockdev chcpu ctrlaltdel fsfreeze \
  fstrim hwclock isosize ldattach pivot_root raw readprofile rtcwake switch_root wdctl zramctl adjtime tzselect \
  insmod modprobe rmmod depmod start-stop-daemon invoke-rc.d service update-rc.d policy-rc.d; do
  rm -f "/usr/bin/$name" "/usr/sbin/$name"
done
# Packages cannot be installed in a cell.
rm -f /usr/bin/apt* /usr/bin/dpkg* /usr/sbin/dpkg* /usr/bin/debconf* /usr/sbin/dpkg-* /usr/bin/update-alternatives \
  /usr/share/debconf/confmodule
rm -rf /usr/lib/apt /usr/lib/dpkg /usr/share/perl5/Debconf /usr/share/debconf /usr/lib/systemd /usr/lib/init \
  /usr/lib/udev /usr/share/bug /usr/share/lintian /usr/share/menu /usr/share/pixmaps /usr/share/applications \
  /usr/share/doc-base /usr/share/info /usr/share/man /usr/share/groff /usr/share/bash-completion /usr/share/zsh \
  /usr/share/fish /usr/share/locale-langpack /usr/games /usr/local/man /usr/local/games
find /usr/share/doc -mindepth 1 ! -name copyright -type f -delete 2>/dev/null || true
find /usr/share/doc -depth -type d -empty -delete 2>/dev/null || true
find /usr/share/locale -mindepth 1 -maxdepth 1 ! -name 'en*' ! -name locale.alias -exec rm -rf {} + 2>/dev/null || true

if [ -x /usr/bin/fc-cache ]; then
  say "font cache"
  fc-cache -s -f
fi

python=$(command -v python3 || true)
if [ -n "$python" ]; then
  # Debian's marker keeps pip out of a system's Python; in a cell there is no system to break.
  rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
  say "bytecode of Python"
  find /usr/lib/python3* /usr/local/lib/python3* -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
  # Unchecked: the tree is read-only, so a source cannot change. Files in other versions' syntax fail, as they would
  # when somebody imported them.
  python3 -m compileall -q -j 0 -x '/tests?/' --invalidation-mode unchecked-hash /usr/lib/python3* \
    /usr/local/lib/python3* \
    >/tmp/compileall.log 2>&1 || say "$(grep -c '^\*\*\*' /tmp/compileall.log || true) files are not Python 3"
fi

if [ -n "$python" ] && [ -f /usr/lib/python3/dist-packages/matplotlib/font_manager.py ]; then
  say "matplotlib's list of fonts"
  # matplotlib keeps the list in its writable directory, which is empty in every cell; finding all fonts again takes it
  # up to a second. It is taught to look here when that directory has none.
  MPLCONFIGDIR=/tmp/mpl python3 - <<'PYTHON'
import pathlib, py_compile, shutil
import matplotlib, matplotlib.font_manager as manager
made, = pathlib.Path(matplotlib.get_cachedir()).glob("fontlist-*.json")
kept = pathlib.Path("/usr/lib/codeapi/matplotlib", made.name)
kept.parent.mkdir(parents=True, exist_ok=True)
shutil.copyfile(made, kept)
source = pathlib.Path(manager.__file__)
text = source.read_text()
before = "    if try_read_cache:\n        try:\n            fm = json_load(fm_path)\n"
after = f'    if try_read_cache:\n        if not fm_path.exists():\n            fm_path = Path("{kept}")\n        try:\n' \
    "            fm = json_load(fm_path)\n"
if text.count(before) == 1:
    source.write_text(text.replace(before, after))
    py_compile.compile(str(source), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
else:
    print("finish: this matplotlib reads its list elsewhere; every program will look for fonts itself")
PYTHON
  rm -rf /tmp/mpl
fi

if [ -x /usr/bin/go ]; then
  say "Go's library"
  # Since 1.20 Go compiles its library when it is first used: some ten seconds, in every cell anew.
  CGO_ENABLED=0 GOCACHE=$own/go-build GOENV=off GOPATH=/tmp/go GOPROXY=off GOTELEMETRY=off GOTOOLCHAIN=local \
    go build std
  chmod -R a+rX $own/go-build
fi

if [ -d /usr/local/lib/node_modules ]; then
  # Node and Bun look for node_modules in every directory from the program's upwards, for require and import alike.
  ln -sfn usr/local/lib/node_modules /node_modules
fi

say "settings below /etc"
# Everything a program may read there, and nothing that is about a machine and its users.
rm -rf $own/etc
cp -a /etc $own/etc
(
  cd $own/etc
  rm -rf .pwd.lock adduser.conf apt bash.bashrc bash_completion.d binfmt.d cron* debconf.conf debian_version default \
    deluser.conf dpkg environment fstab gai.conf group group- gshadow gshadow- host.conf hostname hosts init init.d \
    issue issue.net kernel ld.so.cache- ldap localtime login.defs logrotate.d machine-id modprobe.d modules* motd mtab \
    network networks nsswitch.conf opt os-release pam.conf pam.d passwd passwd- profile profile.d rc?.d resolv.conf \
    rmt security selinux shadow shadow- shells skel ssh subgid subgid- subuid subuid- sysctl* systemd terminfo timezone \
    tmpfiles.d udev update-motd.d X11 xattr.conf xdg ucf.conf
)
if [ -d /var/cache/fontconfig ]; then
  mkdir -p $own/var/cache
  cp -a /var/cache/fontconfig $own/var/cache/fontconfig
fi

say "what only installing needed"
rm -rf /var/lib/apt /var/cache/apt /var/cache/debconf /var/lib/dpkg/info /var/lib/dpkg/*-old /var/log/* /tmp/* /run/* \
  /etc/resolv.conf /etc/hostname /etc/machine-id /root /home /boot /srv /media /opt /dev/* /mnt/*
say done
