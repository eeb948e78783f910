#!/bin/sh
# tests/kvm/runner.sh - runs the tests of a list on this host, prints TAP.
#
# Usage: runner.sh LIST [PATTERN]...
# in the folder of the guests, with vmm in PATH and the date, in seconds, in
# $NOW. Each line of LIST:
#	NAME NEEDS STATUS LAST COMMAND...
# NEEDS are words of ./probe or of $HOST_WORDS with commas between, STATUS is what COMMAND must
# end with, LAST the last line it must say on stdout; "-" asks for nothing. A
# line with FAIL in it is always wrong.

list=$1
shift
limit=300 # for what hangs; no test waits for it
number=0 failures=0

# A host without a clock that its kernel drives is in 1970.
[ "$(date +%Y)" -ge 2023 ] || date -s "@$NOW" >/dev/null

have=" $(./probe | tr '\n' ' ') $HOST_WORDS " || exit 1
truncate -s 1M disk.img
dd if=/dev/urandom of=noise.img bs=64k count=16 2>/dev/null
printf 'sector zero' | dd of=disk.img conv=notrunc 2>/dev/null

# chosen NAME [PATTERN]...: true if one of the patterns matches, or there is none.
chosen() {
	tested=$1
	shift
	[ $# = 0 ] && return 0
	for pattern; do
		# shellcheck disable=SC2254 # a pattern is meant
		case $tested in $pattern) return 0 ;; esac
	done
	return 1
}

# missing WORDS: the first that this host has not.
missing() {
	[ "$1" = - ] && return
	for word in $(echo "$1" | tr , ' '); do
		case $have in
		*" $word "*) ;;
		*) echo "$word"; return ;;
		esac
	done
}

# judge STATUS WANTED LAST: says what is wrong with a run, or nothing.
judge() {
	[ "$2" = - ] || [ "$1" = "$2" ] || echo "status $1, not $2"
	[ "$1" = 137 ] && echo "did not end in $limit s"
	if grep -a -q FAIL out; then
		echo "the guest says FAIL"
	elif [ "$3" != - ] && [ "$(tail -n 1 out)" != "$3" ]; then
		echo "the last line is not '$3'"
	fi
}

# spent START: how many seconds it took, as a comment.
spent() {
	read -r now _ </proc/uptime
	echo "$1 $now" | awk '{ printf "# %.1f s\n", $2 - $1 }'
}

run() { # NAME STATUS LAST COMMAND
	read -r start _ </proc/uptime
	timeout -s KILL "$limit" sh -c "exec $4" </dev/null >out 2>err
	wrong=$(judge $? "$2" "$3")
	if [ -z "$wrong" ]; then
		echo "ok $number - $1"
		spent "$start"
		return
	fi
	failures=$((failures + 1))
	echo "not ok $number - $1"
	spent "$start"
	{
		echo "$4"
		echo "$wrong"
		tail -n 8 out
		tail -n 8 err
	} | tr -cd '\n\t -~' | sed 's/^/# /'
}

echo "TAP version 13"
while read -r name needs status last command; do
	case $name in '' | '#'*) continue ;; esac
	chosen "$name" "$@" || continue
	number=$((number + 1))
	lack=$(missing "$needs")
	if [ -n "$lack" ]; then
		echo "ok $number - $name # SKIP this host has no $lack"
	else
		run "$name" "$status" "$last" "$command"
	fi
done <"$list"
echo "1..$number"
[ "$failures" = 0 ]
