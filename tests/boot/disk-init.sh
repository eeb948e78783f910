#!/bin/sh
# tests/boot/disk-init.sh - /sbin/init of the disk that guests boot from.
export PATH=/bin:/sbin
mount -t devtmpfs dev /dev 2>/dev/null
mount -t proc proc /proc
echo "init: from the disk"
exec setsid cttyhack sh -i
