"""What happens when the sidecar or Envoy dies, when certificates are renewed, and when all is over."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.netns.test_calls import EASY, body
from tests.netns.world import World, missing
from tests.support.system import until

pytestmark = pytest.mark.netns

MESSAGES = "https://api.anthropic.com/v1/messages"


@contextmanager
def dead(world: World, name: str) -> Iterator[None]:
    """Kill a process, and have nobody start it again until the block is left."""
    assert world.up is not None
    world.up.send_signal(signal.SIGSTOP)
    pid = world.children()[name]
    os.kill(pid, signal.SIGKILL)
    until(lambda: ") Z " in Path(f"/proc/{pid}/stat").read_text())  # gone, its sockets with it; nobody has fetched its exit code
    try:
        yield
    finally:
        world.up.send_signal(signal.SIGCONT)
        until(lambda: "x-cascade-outcome: SKIPPED" in world.curl(MESSAGES, "--json", body(EASY))[1], 60)


def test_without_the_sidecar_the_verify_provider_answers(world: World):
    with dead(world, "worker"):
        before = world.served("anthropic")
        code, text = world.curl(MESSAGES, "--http1.1", "--json", body(EASY))
        assert code == 0, text
        assert text.startswith("HTTP/1.1 200 ")
        assert "x-cascade-outcome" not in text
        assert '"model":"claude-opus-4-8"' in text.replace(" ", "")
        assert world.served("anthropic") == before + 1


def test_without_envoy_nothing_passes_until_the_rules_are_taken_away(world: World):
    public = ("--cacert", str(world.folder / "public/ca.crt"))
    with dead(world, "envoy"):
        assert world.curl(MESSAGES, "--json", body(EASY))[0] == 7, "refused, so that clients know at once"
        assert world.curl("https://other.example.com/", "--http0.9")[0] == 7
        world.stop_redirect()
        code, text = world.curl(MESSAGES, *public, "--json", body(EASY))
        assert code == 0, text
        assert "x-cascade-outcome" not in text, "this was the provider itself, with its own certificate"
        world.redirect()


def test_renewed_certificates_are_served_without_a_restart(world: World):
    def serial() -> str:
        script = "openssl s_client -connect api.openai.com:443 -servername api.openai.com </dev/null | openssl x509 -noout -serial"
        return world.ask("sh", "-c", script).stdout

    before, envoy = serial(), world.children()["envoy"]
    assert before.startswith("serial=")
    world.issue()
    until(lambda: serial() not in {before, ""}, 30)
    assert world.curl("https://api.openai.com/v1/models")[0] == 0
    assert world.children()["envoy"] == envoy


def test_nothing_is_left_behind_when_something_goes_wrong():
    assert not missing(), missing()
    listed = ["ip", "netns", "list"]
    before = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    world = World("pod", listen="198.18.0.99:15001")  # nobody has this address: the pair does not start
    world.client, world.provider, world.middle = [f"{name}-wrong" for name in (world.client, world.provider, world.client)]
    world._all = [world.client, world.provider]
    with pytest.raises(AssertionError, match=r"198\.18\.0\.99:15001"), world:
        raise AssertionError("it must not have started")
    assert subprocess.run(listed, capture_output=True, text=True, check=True).stdout == before
    assert not world.folder.exists()
    assert not [name for name in (world.client, world.provider) if Path("/etc/netns", name).exists()]
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(world.folder).encode() in _content(path)]
    assert left == []


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
