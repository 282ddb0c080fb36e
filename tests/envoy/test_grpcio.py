"""The tests of passing through, failing open and rescuing, on the transport grpcio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.envoy.conftest import Cascade, models
from tests.envoy.test_fail_open import *  # noqa: F403
from tests.envoy.test_pass_through import *  # noqa: F403
from tests.envoy.test_rescue import *  # noqa: F403
from tests.envoy.test_rescue import _forgotten  # noqa: F401
from tests.support.background import Background
from tests.support.system import System

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cascade]:
    """The system of all other tests, on the transport grpcio."""
    folder: Path = tmp_path_factory.mktemp("system")
    with (
        Background(Simulator(Profile(name="draft", steerable=True, api_key="the-draft-key"))) as draft,
        Background(Simulator(Profile(name="verify", headers_s=0.02))) as verify,
        System(
            folder,
            models(draft.url, verify.url),
            environ={"DRAFT_KEY": "the-draft-key"},
            draft={"timeout_s": 1.0},
            router={"refusal_memory_s": 1.0},
            transport="grpcio",
        ) as system,
        httpx.Client(base_url=system.url, timeout=30) as client,
    ):
        yield Cascade(system, draft, verify, client)
