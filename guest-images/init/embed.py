#!/usr/bin/env python3
"""guest-images/init/embed.py - makes a C array of a file.

Usage: embed.py FILE OUTPUT NAME. The array is NAME, its length NAME_size.
"""
import pathlib
import sys

LIMIT = 100 * 1024
"""The largest init, in bytes: each guest has it in its memory."""


def main():
    """Write the source file."""
    source, output, name = sys.argv[1:]
    data = pathlib.Path(source).read_bytes()
    if len(data) > LIMIT:
        sys.exit(f"{source}: {len(data)} bytes, more than {LIMIT}")
    lines = [", ".join(str(byte) for byte in data[at:at + 16]) + ","
             for at in range(0, len(data), 16)]
    pathlib.Path(output).write_text(
        "#include <stddef.h>\n"
        f"extern const unsigned char {name}[];\n"
        f"extern const size_t {name}_size;\n"
        f"const unsigned char {name}[] = {{\n" + "\n".join(lines) +
        f"\n}};\nconst size_t {name}_size = sizeof({name});\n")


if __name__ == "__main__":
    main()
