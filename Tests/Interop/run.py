#!/usr/bin/env python3
"""Fairway between other people's programs: gRPC's client and server, curl, nghttp, h2load, Python's h2 on either side.

usage: run.py PATH-OF-FAIRWAY
Needs grpcio and h2 from PyPI; what is missing is named, left out and no failure, since not every machine may install it.
"""
import importlib
import sys

sys.dont_write_bytecode = True        # leaves nothing in the source tree


def main(path):
    failed = 0

    def report(name, check):
        nonlocal failed
        try:
            check()
            print(f"ok      {name}", flush=True)
        except Exception as error:                  # the next check still tells something
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__} {error}", flush=True)
    for name in ("grpc_peers", "http2_programs", "http2_peers"):
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            print(f"left out {name}: {error}")
            continue
        module.checks(path, report)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1])
