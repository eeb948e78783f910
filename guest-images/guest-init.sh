#!/bin/sh
# guest-images/guest-init.sh - init of every guest's initramfs.
#
# On the kernel's command line:
#   run='CMD'   run CMD (sh syntax), print "run: exit N", power off
#   root=DEV    mount DEV (rootfstype=, ro, rw as usual), go on with its init=
# Without either: a shell on the console.

export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts 2>/dev/null
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
echo guest >/proc/sys/kernel/hostname
read -r line </proc/cmdline

# param NAME: the value of the last NAME= on the command line, which may stand
# in single or double quotes.
param() {
	value=
	rest=" $line"
	while :; do
		case $rest in
		*" $1="*) rest=${rest#*" $1="} ;;
		*) break ;;
		esac
		case $rest in
		\'*) value=${rest#\'} value=${value%%\'*} ;;
		\"*) value=${rest#\"} value=${value%%\"*} ;;
		*) value=${rest%% *} ;;
		esac
	done
	printf '%s' "$value"
}

for module in /lib/modules/*.ko; do
	[ -e "$module" ] && insmod "$module"
done

# A power button, which `vmm stop` presses.
if [ -e /dev/input/event0 ]; then
	mkdir -p /etc/acpi/PWRF /var/log /var/run
	printf '#!/bin/sh\npoweroff -f\n' >/etc/acpi/PWRF/00000080
	chmod 755 /etc/acpi/PWRF/00000080
	acpid
fi

run=$(param run)
root=$(param root)

if [ -n "$run" ]; then
	(eval "$run") </dev/console
	echo "run: exit $?"
	sync
	poweroff -f
fi

if [ -n "$root" ]; then
	type=$(param rootfstype)
	init=$(param init)
	mode=ro
	case " $line " in *" rw "*) mode=rw ;; esac
	# The disk's driver may still be at work.
	tries=50
	while [ ! -e "$root" ] && [ $tries -gt 0 ]; do
		usleep 100000
		tries=$((tries - 1))
	done
	mkdir -p /root
	if mount ${type:+-t "$type"} -o $mode "$root" /root; then
		for fs in dev proc sys; do
			mount -o move /$fs /root/$fs
		done
		exec switch_root /root "${init:-/sbin/init}"
	fi
	echo "init: $root: cannot be mounted; here is a shell" >&2
fi

echo "This is the guest: Linux $(uname -r) on $(uname -m). Leave with: poweroff -f"
while :; do
	setsid cttyhack sh -i
done
