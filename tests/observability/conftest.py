"""One real Jaeger for all tests of this folder that want it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.jaeger import Jaeger


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    with Jaeger(tmp_path_factory.mktemp("jaeger")) as running:
        yield running
