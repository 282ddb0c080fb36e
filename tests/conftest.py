"""For all tests: Hypothesis does not time examples, as a busy machine would fail them; the transport that systems run on."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.support import system

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test-grpcio` runs all tests behind a real Envoy once more, on the other transport."""
    parser.addoption("--transport", choices=("native", "grpcio"), help="the transport of every system that names none")


def pytest_configure(config: pytest.Config) -> None:
    """Take the options, in every process of a run."""
    system.TRANSPORT = config.getoption("--transport")
