#!/bin/sh
# tests/style/data.sh - no object has variables: .data and .bss are empty.
#
# Usage: data.sh BUILD. Looks at the objects of the library of pure files and of
# the program, of any architecture. base/log.c may have one variable, its state,
# vmm/kvm/sigbus.c and host/tty_mode.c one each, for their signal handlers
# (docs/adr/0011); tables of constants with addresses in them (.data.rel.ro) are
# no variables.
# Not for builds with a sanitizer or a fuzzer, which add their own.
# tools/check has its own builds, some with one, below the one called build.
objects=$(find "$1" -path "$1/check" -prune -o -name '*.c.o' \
	\( -path '*/libpure.a.p/*' -o -path '*/vmm.p/*' \) -print)
[ -n "$objects" ] || { echo "no objects in $1" && exit 1; }
# shellcheck disable=SC2086 # the build's names have no blanks
readelf -SW $objects | awk '
	/^File: / { object = $2; sub(".*/", "", object) }
	/^ *\[ *[0-9]+\] / {
		sub(/^ *\[ *[0-9]+\] */, "")
		name = $1
		size = $5
	}
	name ~ /^\.(data|bss|tdata|tbss|sdata|sbss)(\.|$)/ &&
	name !~ /^\.data\.rel\.ro/ && size !~ /^0+$/ {
		if (object == "base_log.c.o" && size ~ /^0*8$/)
			level = 1
		else if ((object == "vmm_kvm_sigbus.c.o" ||
			  object == "host_tty_mode.c.o") && size ~ /^0*[48]$/)
			;
		else
			found = found "\n" object ": " name ", 0x" size " bytes"
	}
	{ name = "" }
	END {
		if (!level)
			found = found "\nbase/log.c: where is the level?"
		if (found) {
			print substr(found, 2)
			exit 1
		}
	}'
