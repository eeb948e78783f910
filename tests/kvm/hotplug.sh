#!/bin/sh
# tests/kvm/hotplug.sh - runs a guest, and wants it to have more memory.
#
# Usage: hotplug.sh NAME SIZE COMMAND...: COMMAND runs a guest; NAME is for its
# socket, for tests run beside one another in one folder. Ends as COMMAND does.

socket=./hotplug-$1.sock size=$2
shift 2
rm -f "$socket"
"$@" --control "$socket" &
until vmm mem "$socket" --size "$size" 2>/dev/null; do
	kill -0 $! || exit 1
	usleep 50000
done
wait $!
