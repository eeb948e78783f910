#!/bin/sh
# tests/kvm/lost.sh - takes memory away that lost.bin then hands to a device.
#
# Usage: lost.sh WORD [OPTION]...: the guest's word, and options of vmm run. Says
# "told" if the run ended in order, with the region and the offset. Its files
# carry WORD in their names, for tests run beside one another in one folder.

word=$1
shift
in=lost-$word.in out=lost-$word.out err=lost-$word.err ram=lost-$word.ram
rm -f "$in" "$ram"
mkfifo "$in"
vmm run --kernel lost.bin --mem 8M --mem "2M@0x90000000,backing=file:$ram" \
	--cmdline "$word" "$@" <"$in" >"$out" 2>"$err" &
exec 3>"$in"
until grep -q ready "$out" 2>/dev/null; do
	kill -0 $! || cat "$out" "$err"
	kill -0 $! || exit 1
	usleep 20000
done
: >"$ram"
echo >&3
wait $!
status=$?
cat "$err"
want="guest memory at 0x90000000, offset 0x[0-9a-f]*: $ram was truncated"
[ $status = 1 ] && [ "$(grep -c "^Fatal: $want" "$err")" = 1 ] && echo told
