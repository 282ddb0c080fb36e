"""h2spec, the conformance test for HTTP/2, against the connection under a plain HTTP server.

It is built with Go, at a fixed version, once per machine.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.shell.native.plain import Plain
from tests.support.background import Background
from tests.support.go import go

_MODULE = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

DEVIATIONS = {
    # h2spec keeps a header table although our settings say that there is none (RFC 7541, section 4.2, forbids it). A size beyond
    # the setting and a reference to what cannot be there are decoding errors, which RFC 7541, section 6.3, demands.
    "Sends a dynamic table size update",
    "Sends multiple dynamic table size update",
    "Sends multiple CONTINUATION frames preceded by a HEADERS frame",
    # RFC 9113, section 5.3, has done away with priorities, and with the rule that no stream may depend on itself.
    "Sends HEADERS frame that depend on itself",
    "Sends PRIORITY frame that depend on itself",
}


def _h2spec() -> Path:
    program = go()
    folder = Path(tempfile.gettempdir()) / f"extproc-h2spec-{os.getuid()}"
    if not (folder / "h2spec").exists():
        subprocess.run([program, "install", _MODULE], env={**os.environ, "GOBIN": str(folder)}, check=True, timeout=300)
    return folder / "h2spec"


@asynccontextmanager
async def _listening() -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(Plain, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_h2spec(tmp_path: Path):
    report = tmp_path / "report.xml"
    program = _h2spec()
    with Background(_listening()) as port:
        argv = [str(program), "--strict", "-p", str(port), "-o", "5", "-j", str(report)]
        done = subprocess.run(argv, capture_output=True, timeout=300, check=False)
    cases = ET.parse(report).getroot().findall(".//testcase")
    assert len(cases) > 140, done.stdout[-2000:]
    failed = {case.get("classname") for case in cases if case.find("failure") is not None or case.find("error") is not None}
    skipped = {case.get("classname") for case in cases if case.find("skipped") is not None}
    assert failed == DEVIATIONS, done.stdout.decode(errors="replace")[-4000:]
    assert not skipped
