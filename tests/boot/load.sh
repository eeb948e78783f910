#!/bin/sh
# tests/boot/load.sh - keeps a guest busy with sums that must not change.
#
# Usage: load PROCESSES. Says "loaded"; after the next line of input each process
# sums up once more, and tells how often it did; and "sums held" if all were right
# and the kernel did not complain.

file=/tmp/summed
head -c 600000 /dev/urandom >$file
sum=$(md5sum <$file)
disk=
[ -b /dev/vda ] && dd if=$file of=/dev/vda bs=64k count=8 oflag=direct \
	conv=fsync 2>/dev/null && disk=$(dd if=/dev/vda bs=64k count=8 \
	iflag=direct 2>/dev/null | md5sum)

rng=$(cat /sys/class/misc/hw_random/rng_available 2>/dev/null)

wrong() {
	echo "wrong: $*"
	touch /tmp/wrong
}

# One process: memory, disk, random numbers, timers, clock.
work() {
	times=0 left=2
	while [ $left -gt 0 ]; do
		[ -e /tmp/end ] && left=$((left - 1))
		read -r before _ </proc/uptime
		[ "$(md5sum <$file)" = "$sum" ] || wrong memory
		[ -z "$disk" ] || [ "$(dd if=/dev/vda bs=64k count=8 \
			iflag=direct 2>/dev/null | md5sum)" = "$disk" ] ||
			wrong disk
		[ -z "$rng" ] || [ "$(head -c 1000 /dev/hwrng | wc -c)" = 1000 ] ||
			wrong hwrng
		usleep 2000
		read -r after _ </proc/uptime
		awk "BEGIN { exit !($after >= $before) }" || wrong clock
		times=$((times + 1))
	done
	echo "summed $times times"
}

for _ in $(seq "$1"); do
	work &
done
echo loaded
read -r _
touch /tmp/end
wait
dmesg | grep -iE 'stall(s|ed)? |lockup|BUG:|WARNING:|Oops|unstable|I/O error|timed out' &&
	wrong kernel
[ -e /tmp/wrong ] || echo sums held
