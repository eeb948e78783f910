#!/bin/sh
# tests/boot/run.sh - runs cases on a test host, one after the other.
#
# Usage: run.sh FOLDER. Each file in FOLDER is a case: sh that finds boot.sh's
# functions; its first line is "# limit SECONDS". What it says, how it ends and
# what it leaves behind goes to the standard output:
#
#   @begin NAME
#   o|a line of its standard output
#   e|a line of its standard error
#   @left WHAT          a process or a file that is still there
#   @end NAME STATUS START END
#
# All cases share WORK, a folder they must leave as it was; each runs in an
# empty folder of its own.

folder=$1
export WORK=${WORK:-/tmp/work} LAB=${LAB:-/lab} GUEST=${GUEST:-/guest}
mkdir -p "$WORK"
export INITRD=$WORK/initrd
for IMAGE in "$GUEST/Image" "$GUEST/vmlinux"; do
	[ -e "$IMAGE" ] && break
done
export IMAGE
cat "$GUEST/initrd" "$LAB/boot/guest.cpio" >"$INITRD"
# Where control sockets are: vmm makes the folder, and leaves it there.
[ -e /.lab ] && mkdir -p -m 700 /run/vmm

# All files in places for temporary ones; on a machine with other users, none.
temporary() {
	[ -e /.lab ] || return
	find /tmp /run /dev/shm /var/tmp -xdev 2>/dev/null
}

# The processes of a session, but for those that are dead already.
alive() {
	for stat in /proc/[0-9]*/stat; do
		read -r line <"$stat" || continue
		# Behind the name: state, parent, group, session.
		set -- ${line##*) }
		[ "$1" != Z ] && [ "$4" = "$session" ] && echo "${line%% *}"
	done 2>/dev/null
}

# run_case FILE
run_case() {
	name=${1##*/}
	read -r _ _ limit <"$1"
	: >"$WORK/before" >"$WORK/out" >"$WORK/err" >"$WORK/session"
	temporary >"$WORK/before"
	mkdir "$WORK/case"
	echo "@begin $name"
	read -r start _ </proc/uptime
	# In the foreground: ash's wait misses the end of what it waits for, now
	# and then. Kept apart in a session, to find what is left of it.
	timeout -s KILL "$limit" setsid sh -c 'echo $$ >"$WORK/session"
		cd "$WORK/case" && . "$LAB/boot/boot.sh" && . "$0"' "$1" \
		</dev/null >"$WORK/out" 2>"$WORK/err"
	status=$?
	read -r session <"$WORK/session"
	read -r end _ </proc/uptime
	sed 's/^/o|/' "$WORK/out"
	echo
	sed 's/^/e|/' "$WORK/err"
	echo
	# What has been told to end may need a moment.
	for try in 1 2 3 4 5 6 7 8 9 10; do
		[ -z "$(alive)" ] && break
		usleep 100000
	done
	for pid in $(alive); do
		echo "@left process $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		kill -KILL "$pid"
	done
	rm -rf "$WORK/case"
	temporary | grep -vxFf "$WORK/before" | sed 's/^/@left file /'
	echo "@end $name $status $start $end"
}

for file in "$folder"/*; do
	run_case "$file"
done
echo "@done"
