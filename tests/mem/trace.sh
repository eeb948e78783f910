# tests/mem/trace.sh - what KVM's tracepoints say of a guest; sourced.

TRACING=/sys/kernel/tracing

# trace EVENT: from now on; what was told before is forgotten.
trace() {
	[ -e "$TRACING/events/kvm/$1" ] || skip "the kernel has no $1"
	echo 0 >"$TRACING/tracing_on"
	echo >"$TRACING/set_event"
	echo 8192 >"$TRACING/buffer_size_kb"
	echo >"$TRACING/trace"
	echo "kvm:$1" >"$TRACING/set_event"
	echo 1 >"$TRACING/tracing_on"
}

# traced EVENT: how often it told of memory of guests: of mappings that reach
# over 16 MiB. Addresses are of one length each, so they compare as text.
traced() {
	echo 0 >"$TRACING/tracing_on"
	for process in $(pidof vmm); do
		awk -F '[- ]' '$3 == "rw" && length($1) == 12 &&
			substr($1, 1, 6) != substr($2, 1, 6) {
				print "ram", $1, $2 }' \
			"/proc/$process/maps"
	done | awk -v event="$1:" '
		$1 == "ram" { from[n] = $2; to[n++] = $3; next }
		index($0, event) {
			match($0, /0x[0-9a-f]+/)
			at = substr($0, RSTART + 4, 12)
			for (i = 0; i < n; i++)
				if (at >= from[i] && at < to[i]) {
					count++
					break
				}
		}
		END { print count + 0 }' - "$TRACING/trace"
}
