# tools/vmmtools/start.sh - starts a tool where even Python may be missing.
#
# Sourced: `start MODULE ARGUMENT...` runs the module vmmtools.MODULE.
tools=$(cd "$(dirname "$0")" && pwd) || exit 1

start() {
	if ! command -v python3 >/dev/null; then
		sudo=
		[ "$(id -u)" = 0 ] || sudo=sudo
		echo "$1: installing python3" >&2
		$sudo apt-get update >/dev/null &&
			$sudo env DEBIAN_FRONTEND=noninteractive apt-get \
				install -y --no-install-recommends python3 \
				>/dev/null || {
			echo "$1: run: apt-get install python3" >&2
			exit 1
		}
	fi
	module=vmmtools.$1
	shift
	PYTHONPATH="$tools${PYTHONPATH:+:$PYTHONPATH}" \
		PYTHONDONTWRITEBYTECODE=1 exec python3 -m "$module" "$@"
}
