#!/usr/bin/env python3
"""One of the project's binaries; how it was called is written down first."""
import json
import os
import sys

name = os.path.basename(sys.argv[0])
if sys.argv[1:] != ["--version"]:
    with open(os.path.join(os.environ["ACT_PLACE"], "called.ndjson"), "a") as file:
        file.write(json.dumps([name, *sys.argv[1:]]) + "\n")
binary = os.path.join(os.environ["BINARIES"], name)
os.execv(binary, [name, *sys.argv[1:]])
