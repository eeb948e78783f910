#!/bin/sh
# tests/boot/facts.sh - in a guest: holds what it sees against what it should.
#
# Usage: facts CPUS MIB CHIP; MIB is all its memory, CHIP what /proc/interrupts
# calls the interrupt controller. Says "facts: good", or what is not so.

bad=
wrong() {
	bad=1
	echo "facts: $*"
}

cpus=$(nproc)
[ "$cpus" = "$1" ] || wrong "there are $cpus CPUs, not $1"

# The kernel keeps some for itself: its text, and what describes pages.
total=$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
least=$(($2 - $2 / 8 - 16))
[ "$total" -le "$2" ] && [ "$total" -ge $least ] ||
	wrong "there are $total MiB of memory, not $least to $2"

# Each CPU has had its own timer's interrupts; the console's came, too.
usleep 20000
case $3 in
GFPIC) clock=MIPS ;; # each CPU has lines of its own beside the controller's
*) clock=$3 ;;
esac
timer=$(awk -v n="$1" -v chip="$clock" '/timer/ && index($0, chip) {
	for (i = 2; i <= n + 1; i++) if ($i > 0) good++
	print good + 0; exit }' /proc/interrupts)
[ "${timer:-0}" = "$1" ] ||
	wrong "${timer:-0} of $1 CPUs have timer interrupts by $clock"
grep -q "$3.*ttyS0" /proc/interrupts ||
	wrong "the console has no interrupt of $3"
[ -z "$bad" ] || cat /proc/interrupts

# What systemd-detect-virt looks at, which it does not on MIPS.
case $3 in
GIC*)
	under=$(tr -d '\0' </proc/device-tree/hypervisor/compatible)
	[ "$under" = linux,kvm ] || wrong "the hypervisor is '$under', not KVM"
	;;
esac

# What every guest says, that a person may compare.
echo "facts: $cpus CPUs, $total MiB, $(uname -r)"
[ -z "$bad" ] && echo "facts: good"
