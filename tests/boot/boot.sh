# tests/boot/boot.sh - what the cases of run.sh have in common; sourced.

# skip REASON: ends the case, which cannot run on this host.
skip() {
	echo "skip: $*"
	exit 77
}

# fail WHAT: ends the case.
fail() {
	echo "fail: $*"
	exit 99
}

# guest CMD [OPTION]...: a guest that runs CMD, which has no double quotes, on
# its console and powers off.
# APPEND adds to the kernel's command line.
# The texts of its trace events, which nobody reads, are two thirds of all
# instructions of a boot of the lab's own kernel: trace_eval_init.
guest() {
	command=$1
	shift
	vmm run --kernel "$IMAGE" --initrd "$INITRD" "$@" --cmdline \
		"console=ttyS0 quiet panic=-1 initcall_blacklist=trace_eval_init $APPEND run=\"$command\""
}

# on_pty STEP... -- COMMAND...: see onpty.c
on_pty() {
	"$LAB/boot/onpty" "$@"
}

# wait_for COMMAND...: until COMMAND succeeds. Nothing takes as long as it waits
# at the most, whatever else the machine has to do.
wait_for() {
	tries=2000
	until "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "$* did not come true"
		usleep 50000
	done
}
