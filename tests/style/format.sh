#!/bin/sh
# tests/style/format.sh - every C file is as clang-format lays it out.
#
# Usage: format.sh ROOT. Version 14, which the tree is formatted with: others
# differ in small things, so without it the test is skipped (77).
cd "$1" || exit 1
for tool in clang-format-14 clang-format; do
	case $("$tool" --version 2>/dev/null) in
	*"version 14."*) break ;;
	esac
	tool=
done
if [ -z "$tool" ]; then
	echo "SKIP: clang-format 14 is not installed"
	exit 77
fi
find base mem host devices vmm arch guest-images tools tests -name '*.[ch]' \
	-exec "$tool" --dry-run -Werror {} +
