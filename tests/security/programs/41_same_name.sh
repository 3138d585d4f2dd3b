#!/bin/bash
# Attack 41: a file of the same name in every execution, and nothing said about the one before.
cat same.txt 2> /dev/null
echo "$1" > same.txt
