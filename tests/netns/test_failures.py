"""What happens when the sidecar or Envoy dies, when certificates are renewed, and when all is over."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.netns import net
from tests.netns.test_calls import EASY, body
from tests.netns.world import World
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
    until(lambda: ") Z " in Path(f"/proc/{pid}/stat").read_text())  # gone; nobody has fetched its exit code
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
        until(lambda: world.curl(MESSAGES, "--json", body(EASY))[0] == 7)  # refused, as soon as the last of its threads is gone, too
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
    try:
        until(lambda: serial() not in {before, ""}, 30)
    except AssertionError as error:
        error.add_note(world.output("up")[-3000:])
        raise
    assert world.curl("https://api.openai.com/v1/models")[0] == 0
    assert world.children()["envoy"] == envoy


def test_nothing_is_left_behind_when_something_goes_wrong():
    listed = ["ip", "netns", "list"]
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    before = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    world = World("pod", tag="wrong", listen="198.18.0.99:15001")  # nobody has this address: the pair does not start
    with pytest.raises(AssertionError, match=r"198\.18\.0\.99:15001"), world:
        raise AssertionError("it must not have started")
    assert subprocess.run(listed, capture_output=True, text=True, check=True).stdout == before
    assert not world.folder.exists()
    assert not [one for one in (world.client, world.provider) if (net.CONFIGURED / one).exists()]
    assert subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout == links
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(world.folder).encode() in _content(path)]
    assert left == []


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_what_a_killed_run_has_left_is_removed_by_the_next():
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, own = f"cascade-{ended.pid}-client", net.name("own")
    try:
        net.add(left, {})
        net.add(own, {})
        net.sweep()
        listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
        assert left not in listed
        assert own in listed
        assert not (net.CONFIGURED / left).exists()
    finally:
        net.remove([left, own])
