#!/bin/sh
# tests/kvm/stream.sh - a migration that was recorded once, and is received for
# ever.
#
# Usage: stream.sh receive CPUS [WORD]...    takes the guest of golden.stream.gz,
#                                            which has to go on
#        stream.sh record CPUS [WORD]...     makes that file anew
# in the folder of the guests; the words are those of `vmm run`.
#
# The file is tests/kvm/ARCH/golden.stream.gz. It is not made again while its
# version is one that vmm promises to receive: that older ones are is what it is
# for.

how=$1 cpus=$2
shift 2
case $how in
receive)
	# The answers go nowhere: what the source said to them is recorded, too.
	exec ./migrate 0 "$cpus" count.bin "$@" --incoming \
		"'exec:gzip -dc golden.stream.gz; exec cat >/dev/null'"
	;;
record)
	rm -f there back
	mkfifo there back
	vmm run --kernel count.bin --mem 8M --cpus "$cpus" "$@" \
		--control ./from.sock &
	vmm run --kernel count.bin --mem 8M --cpus "$cpus" "$@" \
		--control ./to.sock --incoming \
		'exec:cat <there & exec cat >back' &
	until [ -S from.sock ] && [ -S to.sock ]; do usleep 50000; done
	sleep 1 # the guest is in the midst of its work
	vmm migrate ./from.sock \
		'exec:cat <back & exec tee golden.stream >there' || exit 1
	vmm stop --force ./to.sock
	wait
	gzip -9 -f golden.stream
	;;
esac
