#!/usr/bin/python3
"""tests/fleet/kubernetes_types.py - checks an object of Kubernetes, as YAML on
the standard input, against the types of Debian's python3-kubernetes, which are made
from the API's schema.

Each key must be one of its type, each value of the type that the key has, and no
key may be missing that is required. Prints each fault; exits 1 if there is any.
"""
import re
import sys

import yaml
from kubernetes.client import models

KINDS = {("batch/v1", "Job"): "V1Job"}
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float),
         "object": object}


def faults_of_model(name, value, where):
    """The faults of an object."""
    model = getattr(models, name)
    if not isinstance(value, dict):
        yield f"{where}: no {name}"
        return
    keys = {key: field for field, key in model.attribute_map.items()}
    for key, one in value.items():
        if key not in keys:
            yield f"{where}.{key}: {name} has no such key"
        else:
            yield from faults(model.openapi_types[keys[key]], one,
                              f"{where}.{key}")
    try:
        # A required key that is missing is a ValueError.
        model(**{keys[key]: one for key, one in value.items() if key in keys})
    except ValueError as error:
        yield f"{where}: {error}"


def faults(kind, value, where):
    """The faults of a value that is to be of a type."""
    listed = re.fullmatch(r"list\[(.+)\]", kind)
    mapped = re.fullmatch(r"dict\((\w+), (.+)\)", kind)
    if listed and isinstance(value, list):
        for i, one in enumerate(value):
            yield from faults(listed[1], one, f"{where}[{i}]")
    elif mapped and isinstance(value, dict):
        for key, one in value.items():
            yield from faults(mapped[1], key, f"{where}: key {key}")
            yield from faults(mapped[2], one, f"{where}.{key}")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (
                kind == "int" and isinstance(value, bool)):
            yield f"{where}: {value!r} is no {kind}"
    elif listed or mapped:
        yield f"{where}: {value!r} is no {kind}"
    else:
        yield from faults_of_model(kind, value, where)


def main():
    """The status."""
    given = yaml.safe_load(sys.stdin)
    kind = KINDS[given["apiVersion"], given["kind"]]
    found = list(faults(kind, given, kind))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
