"""A QMP client that others wrote, Debian's socat, drives a running guest.

What is said and expected is the wire format as QEMU documents it: docs/interop/
qmp-spec, and the errors of qapi/error.json.
"""

from __future__ import annotations

from pathlib import Path

from vmmtools.apt import PrivateApt
from vmmtools.base import cache_dir, make_once, recipe_key
from vmmtools.check.cases import Case, File, Host
from vmmtools.check.report import CHECK_FOLDER

from boot.artifacts import ARM64

HOST = Host()
SOCAT = ("socat", "libc6", "libcom-err2", "libgssapi-krb5-2", "libk5crypto3",
         "libkeyutils1", "libkrb5-3", "libkrb5support0", "libnsl2", "libssl3",
         "libtirpc3", "libwrap0")
"""The program's package, and those of all its libraries."""

# A line to say, and what must come back: but for the time, the whole line.
TALK = (
    ("", r'{"QMP": {"version": {"qemu": {"micro": *, "minor": *, "major": *}, '
         r'"package": "vmm *"}, "capabilities": \[\]}}'),
    ('{ "execute": "query-kvm", "id": "early" }',
     '{"error": {"class": "CommandNotFound", "desc": "Expecting capabilities '
     "negotiation with 'qmp_capabilities'\"}, \"id\": \"early\"}"),
    ('{ "execute": "qmp_capabilities", "arguments": { "enable": [ "oob" ] } }',
     '{"error": {"class": "GenericError", "desc": "*"}}'),
    ('{ "execute": "qmp_capabilities" }', '{"return": {}}'),
    ('{ "execute": "qmp_capabilities", "id": 0 }',
     '{"error": {"class": "CommandNotFound", "desc": "Capabilities negotiation '
     'is already complete, command ignored"}, "id": 0}'),
    ('{ "execute": "query-kvm", "id": "example" }',
     '{"return": {"enabled": true, "present": true}, "id": "example"}'),
    ('{ "execute": }',
     '{"error": {"class": "GenericError", "desc": "JSON parse error, *"}}'),
    ('{ "execute": "stop", "id": { "a": [ 1, null, 1.5 ] } }',
     r'{"return": {}, "id": {"a": \[1, null, 1.5\]}}'),
    ('{ "execute": "query-status" }',
     '{"return": {"running": false, "status": "paused"}}'),
    ('{ "execute": "cont" }', '{"return": {}}'),
    ('{ "execute": "query-status", "id": 4 }',
     '{"return": {"running": true, "status": "running"}, "id": 4}'),
    ('{ "execute": "balloon", "arguments": { "value": 536870912 } }',
     '{"error": {"class": "DeviceNotActive", "desc": "No balloon device has '
     'been activated*"}}'),
    ('{ "execute": "balloon", "arguments": { "value": 18446744073709551615 } }',
     '{"error": {"class": "DeviceNotActive", "desc": "No balloon device has '
     'been activated*"}}'),
    ('{ "execute": "balloon", "arguments": { "value": 1e400 }, "id": 5 }',
     '{"error": {"class": "GenericError", "desc": "Invalid parameter type for '
     '*value*, expected: integer"}, "id": 5}'),
    ('{ "execute": "stop", "arguments": { "now": true } }',
     '{"error": {"class": "GenericError", "desc": "Parameter *now* is '
     'unexpected"}}'),
    ('{ "execute": "query-block" }', r'{"return": \[\]}'),
    ('{ "execute": "block_resize", "arguments": { "device": "disk0", "size": '
     '1048576 } }',
     '{"error": {"class": "DeviceNotFound", "desc": "Device *disk0* not '
     'found"}}'),
    ('{ "execute": "nosuch", "id": [] }',
     '{"error": {"class": "CommandNotFound", "desc": "The command nosuch has '
     r'not been found"}, "id": \[\]}'),
    ('{ "execute": "quit", "id": "last" }', '{"return": {}, "id": "last"}'),
)
EVENTS = (
    '"event": "STOP"}', '"event": "RESUME"}',
    '"event": "SHUTDOWN", "data": {"guest": false, '
    '"reason": "host-qmp-quit"}}',
)
TIME = '{"timestamp": {"seconds": [1-9]*, "microseconds": [0-9]*}, '

# Events come when they come: each kind of line is looked at for itself.
SCRIPT = r"""
socat() {
    $LAB/socat/ld-linux-aarch64.so.1 --library-path $LAB/socat \
        $LAB/socat/socat "$@"
}
vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 128M --name q \
    --cmdline "console=ttyS0 quiet panic=-1" </dev/null >/dev/null &
wait_for test -S /run/vmm/q.sock
# Its input does not end: who says no more is answered, and hears no events.
mkfifo say; exec 4<>say; grep . "$LAB/qmp/say" >&4
socat -t 1 - UNIX-CONNECT:/run/vmm/q.sock <say | tr -d '\r' >heard
wait $! || fail "the guest ended with status $?"
cat heard
match() {
    while IFS= read -r wanted; do
        IFS= read -r line <&3 || fail "nothing, where there was to be $wanted"
        case $line in
        $wanted) ;;
        *) fail "'$line', where there was to be '$wanted'" ;;
        esac
    done <"$1"
    IFS= read -r line <&3 && fail "more: $line"
}
grep -v '^{"timestamp"' heard >replies
grep '^{"timestamp"' heard >events
match "$LAB/qmp/replies" 3<replies
match "$LAB/qmp/events" 3<events
echo driven
"""


def _make_socat(folder: Path) -> None:
    """The program, its libraries, and the loader, side by side."""
    with_all = folder.with_name("unpacked")
    PrivateApt(ARM64).unpack(list(SOCAT), with_all)
    folder.mkdir()
    files = [with_all / "usr/bin/socat", *with_all.glob("lib/ld-*"),
             *with_all.glob("lib/*/*.so*"), *with_all.glob("usr/lib/*/*.so*")]
    for file in files:
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
            (folder / file.name).chmod(0o755)


def socat() -> list[File]:
    """Socat, and what it needs, in /lab/socat."""
    folder = make_once(
        cache_dir("programs") / f"arm64-socat-{recipe_key(SOCAT, ARM64.suite)}",
        _make_socat)
    return [(file, f"/lab/socat/{file.name}")
            for file in sorted(folder.iterdir())]


def _texts() -> list[File]:
    """What is said, and what is expected, as files."""
    folder = CHECK_FOLDER / "artifacts" / "qmp"
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"say": [say for say, _ in TALK],
             "replies": [reply for _, reply in TALK],
             "events": [TIME + event for event in EVENTS]}
    for name, lines in texts.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return [(folder / name, f"/lab/qmp/{name}") for name in texts]


def cases() -> list[Case]:
    """The one conversation."""
    return [Case("qmp-by-socat", host=HOST, script=SCRIPT, quiet=True,
                 out=("driven",), files=(*socat(), *_texts()))]
