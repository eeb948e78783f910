#!/bin/sh
# tests/kvm/lost.sh - takes memory away that lost.bin then hands to a device.
#
# Usage: lost.sh WORD [OPTION]...: the guest's word, and options of vmm run. Says
# "told" if the run ended in order, with the region and the offset.

word=$1
shift
rm -f lost.in lost.ram
mkfifo lost.in
vmm run --kernel lost.bin --mem 8M --mem 2M@0x90000000,backing=file:lost.ram \
	--cmdline "$word" "$@" <lost.in >lost.out 2>lost.err &
exec 3>lost.in
until grep -q ready lost.out 2>/dev/null; do
	kill -0 $! || cat lost.out lost.err
	kill -0 $! || exit 1
	usleep 20000
done
: >lost.ram
echo >&3
wait $!
status=$?
cat lost.err
want='guest memory at 0x90000000, offset 0x[0-9a-f]*: lost.ram was truncated'
[ $status = 1 ] && [ "$(grep -c "^Fatal: $want" lost.err)" = 1 ] && echo told
