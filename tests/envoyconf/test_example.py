from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from extproc.config.load import load
from extproc.config.runtime import DEFAULT, RuntimeDir
from extproc.envoyconf import bootstrap
from extproc.envoyconf.example import EXAMPLE, example_yaml

COPY = Path(__file__).parents[2] / "envoy" / "envoy.yaml"


def test_the_committed_copy_is_up_to_date():
    assert COPY.read_text() == example_yaml(), "run `make generate`"


def test_it_is_the_bootstrap_of_the_example(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    assert YAML(typ="safe").load(example_yaml()) == bootstrap(load(EXAMPLE, {}), RuntimeDir(DEFAULT))


def test_it_is_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch):
    here = example_yaml()
    monkeypatch.setenv("SSL_CERT_FILE", "/elsewhere.pem")
    assert example_yaml() == here


def test_every_listener_filter_route_and_cluster_has_a_comment():
    lines = example_yaml().splitlines()
    # Route conditions, virtual hosts, and the frames of what is commented need none.
    plain = r"upgrade|:method|x-cascade-target|client|egress|envoy\..*\.(http_connection_manager|upstream_codec)"
    bare = [
        line.strip()
        for before, line in pairwise(lines)
        if (item := re.fullmatch(r" *- name: (.*)", line)) and not before.strip().startswith("#") and not re.fullmatch(plain, item[1])
    ]
    assert bare == []
    assert sum(line.strip().startswith("# ") for line in lines) > 30
