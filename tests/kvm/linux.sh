#!/bin/sh
# tests/kvm/linux.sh - a Linux guest that checks its memory all the time.
#
# Usage: linux.sh COUNT MEM COMMAND...
# Runs `COMMAND run OPTION...` with a guest of MEM (one word or several, in the
# form of --mem) that copies a file in its memory and compares the copy's checksum, COUNT times, says so and powers off;
# where they differ it says FAIL. $OPTIONS are more of vmm run's.

count=$1
mem=
for piece in $2; do
	mem="$mem --mem $piece"
done
shift 2
for kernel in /guest/Image /guest/vmlinux; do
	[ -e "$kernel" ] && break
done
check="dd if=/dev/urandom of=/tmp/keep bs=64k count=48 2>/dev/null
sum() { md5sum | cut -c 1-32; }
was=\$(sum </tmp/keep) i=0
while [ \$i -lt $count ]; do
	dd if=/tmp/keep of=/tmp/copy bs=64k 2>/dev/null
	[ \$was = \$(sum </tmp/copy) ] || echo FAIL
	i=\$((i + 1))
done
echo checked \$i times"
# The kernel's command line is one line.
check=$(echo "$check" | sed '/{ /!s/do$/do :/; s/$/;/' | tr -d '\n\t')
# shellcheck disable=SC2086 # words are meant
exec "$@" run --kernel "$kernel" --initrd /guest/initrd $mem $OPTIONS \
	--cmdline "console=ttyS0 quiet panic=-1 initcall_blacklist=trace_eval_init run='$check'"
