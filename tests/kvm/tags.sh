#!/bin/sh
# tests/kvm/tags.sh - memory tags go with a guest: into a snapshot, a diff, and
# to another vmm.
#
# Usage: tags.sh [WORD]...    the words of `vmm run` beside those it needs
#
# In the folder of the guests. WAYS are those of restore, POSTCOPY the word
# for it or nothing.

# start COMMAND...: begins a guest whose input is tags.in, by way of 3.
start() {
	rm -f tags.in
	mkfifo tags.in
	"$@" <tags.in >tags.out &
	exec 3>tags.in
}

# waits COMMAND...: until COMMAND succeeds; vmm must not end before.
waits() {
	until "$@"; do
		kill -0 $! || exit 1
		usleep 50000
	done
}

# said WORDS: waits until the guest has said them.
said() {
	waits grep -q "$1" tags.out
}

# ends: gives the guest its last letter.
ends() {
	printf z >&3
	exec 3>&-
	wait $! && grep -q '^ok' tags.out || {
		cat tags.out
		echo "FAIL $1"
		exit 1
	}
}

rm -rf tags tags-diff tags.sock tags-2.sock tags-move.sock
start vmm run --kernel mte_kept.bin --mem 2M "$@" --control ./tags.sock
said waiting
vmm snapshot create ./tags.sock tags || exit 1
printf y >&3
said again
vmm snapshot create ./tags.sock tags-diff --parent tags --compress --stop ||
	exit 1
wait $!
exec 3>&-
vmm snapshot verify tags-diff || exit 1
for way in $WAYS; do
	start vmm restore tags-diff --memory "$way" --control ./tags.sock
	waits [ -S tags.sock ]
	ends "$way"
done
for how in '' $POSTCOPY; do
	start vmm run --kernel mte_kept.bin --mem 2M "$@" --control ./tags.sock
	said waiting
	printf y >&3
	said again
	vmm receive unix:./tags-move.sock --control ./tags-2.sock <tags.in \
		>tags.out &
	waits [ -S tags-move.sock ]
	# shellcheck disable=SC2086 # no word is meant, too
	vmm migrate ./tags.sock unix:./tags-move.sock $how || exit 1
	ends "migrate $how"
done
vmm restore tags --memory map --control ./tags.sock 2>tags.err && exit 1
grep -q 'memory tags (MTE), which mapped files cannot carry' tags.err || {
	cat tags.err
	echo FAIL map
	exit 1
}
rm -rf tags tags-diff
echo ok
