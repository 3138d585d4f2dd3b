#!/bin/bash
# Attack 33: links that lead round in circles, and a mount in the tree.
echo honest > ok.txt
ln -s loop.txt loop.txt
ln -s b.txt a.txt
ln -s a.txt b.txt
mkdir -p tree/branch
ln -s .. tree/branch/up
ln -s ../../tree tree/branch/root
ln -s . tree/self
ln -s /mnt/data tree/all
echo leaf > tree/branch/leaf.txt
previous=ok.txt
for n in $(seq 60); do ln -s "$previous" "chain-$n.txt"; previous=chain-$n.txt; done
mkdir mounted
mount --bind /usr mounted 2> /dev/null && echo "bind mount"
mount -t tmpfs none mounted 2> /dev/null && echo "tmpfs"
unshare -rm mount --bind /usr mounted 2> /dev/null && echo "bind mount in a namespace"
rmdir mounted
