# tests/mem/guest.sh - a guest whose memory is looked at from outside; sourced.
#
# One runs at a time, with its control socket ./box. Its words appear in ./out;
# where its command reads a line, it waits for `go`.

# start CMD [OPTION]...: begins a guest that runs CMD, as guest does.
start() {
	command=$(echo "$1" | tr '\n' ' ')
	shift
	mkfifo in
	guest "$command" "$@" --control ./box <in >out &
	vmm=$!
	exec 3>in
	wait_for [ -S box ]
}

go() {
	echo >&3
}

# finish: lets it go on to its end. Ends the case if that is not a good one.
finish() {
	go
	wait "$vmm" || fail "vmm ended with status $?"
	exec 3>&-
	cat out
}

# said WORD: waits until the guest says so.
said() {
	wait_for grep -q "$1" out
}

# The process of vmm itself: what the shell started runs it.
process() {
	pidof vmm
}

# resident: the memory of the process that is there, in MiB.
resident() {
	awk '/^Rss:/ { print int($2 / 1024) }' "/proc/$(process)/smaps_rollup"
}

# blocks: the guest memory that stage 2 maps by blocks, in MiB.
blocks() {
	awk '/ BLK/ { n = $2; unit = substr(n, length(n))
		sum += n * (unit == "G" ? 1024 : unit == "K" ? 1 / 1024 : 1) }
		END { print int(sum) }' \
		/sys/kernel/debug/kvm/"$(process)"-*/stage2_page_tables
}

# balloon KEY: a number of what is known of the balloon.
balloon() {
	vmm balloon ./box --json | sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p"
}

has_kept() {
	[ "$(balloon actual)" = "$1" ]
}

# shrink MIB: asks the guest to keep so much, and waits until it does.
shrink() {
	vmm balloon ./box "$1M"
	wait_for has_kept $(($1 << 20))
}

# plugged: how much of memory that comes and goes is there, in bytes.
plugged() {
	vmm mem ./box --json | sed -n 's/^ *"plugged": \([0-9]*\),*$/\1/p'
}

is_plugged() {
	[ "$(plugged)" = "$1" ]
}

# total N: the Nth MemTotal the guest has said, in MiB.
total() {
	awk '/^MemTotal:/ && ++n == '"$1"' { print int($2 / 1024) }' out
}

# host_memory: what the host has given to the guest, in MiB.
host_memory() {
	resident
}

# is WHAT NUMBER -lt|-le|... NUMBER: ends the case if it is not.
is() {
	echo "$1: $2"
	[ "$2" "$3" "$4" ] || fail "$1 is $2, not $3 $4"
}

# same_sums COUNT: the guest has said one and the same checksum so often.
same_sums() {
	is "checksums" "$(grep -c ' /tmp/keep' out)" -eq "$1"
	is "different checksums" "$(grep ' /tmp/keep' out | sort -u | wc -l)" \
		-eq 1
}
