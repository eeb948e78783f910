#!/bin/sh
# tests/kvm/golden.sh - snapshots that were made once, and are restored for ever.
#
# Usage: golden.sh restore FILE    restores FILE, and gives the guest a letter
#        golden.sh make FILE       makes FILE anew, of the guest "golden"
#
# FILE is tests/kvm/ARCH/golden*.tar.gz: a full snapshot, and a compressed diff on
# top of it. It is not made again while its formats are ones that vmm promises to
# read: that older ones restore is what it is for.

devices='--rng --balloon --power-button'

# said WORDS: waits until the guest has said them.
said() {
	until grep -q "$1" golden.out; do
		kill -0 $! || exit 1
		usleep 50000
	done
}

rm -rf golden golden-diff golden.sock golden.in
case $1 in
restore)
	tar -xzf "$2" && vmm snapshot verify golden-diff || exit 1
	for way in copy lazy; do
		rm -f golden.sock golden.in
		mkfifo golden.in
		vmm restore golden-diff --memory $way --control ./golden.sock \
			<golden.in &
		printf x >golden.in
		wait $! || exit 1
	done
	;;
make)
	mkfifo golden.in
	# shellcheck disable=SC2086 # words are meant
	vmm run --kernel golden.bin --mem 2M $devices $OPTIONS \
		--control ./golden.sock <golden.in >golden.out &
	exec 3>golden.in
	said waiting
	vmm snapshot create ./golden.sock golden || exit 1
	printf y >&3
	said again
	vmm snapshot create ./golden.sock golden-diff --parent golden \
		--compress --stop || exit 1
	wait $!
	tar -czf "$2" golden golden-diff
	;;
esac
