"""The files of the page: what ships, how it is served, and that nothing in it can turn a text into markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from hatchling.builders.wheel import WheelBuilder

import extproc.shell.dashboard
from tests.dashboard.sidecar import Sidecar
from tests.support.background import Background
from tests.support.system import ROOT

STATIC = Path(extproc.shell.dashboard.__file__).with_name("static")
OWN = sorted(path for path in STATIC.iterdir() if not path.name.startswith("uPlot"))
UPLOT = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        Background(Sidecar(tmp_path_factory.mktemp("log") / "decisions.sqlite")) as sidecar,
        httpx.Client(base_url=sidecar.url) as http,
    ):
        yield http


def test_the_page_may_do_little(client: httpx.Client):
    page = client.get("/dashboard")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["frame-ancestors"] == "'none'"
    assert not {"unsafe-inline", "unsafe-eval", "http", "*"} & set(re.findall(r"[\w-]+|\*", page.headers["content-security-policy"]))
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_everything_that_the_page_names_is_there(client: httpx.Client):
    page = client.get("/dashboard").text
    named = re.findall(r'(?:src|href)="(dashboard/[^"]+)"', page)
    assert len(named) >= 5
    imported = {name for path in OWN if path.suffix == ".js" for name in re.findall(r'from "\./([^"]+)"', path.read_text())}
    for name in {*named, *(f"dashboard/{module}" for module in imported)}:
        answer = client.get(f"/{name}")
        assert answer.status_code == 200, name
        again = client.get(f"/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/dashboard/"])
def test_near_misses_lead_to_the_page(client: httpx.Client, path: str):
    answer = client.get(path)
    assert answer.status_code == 308
    assert answer.next_request is not None
    assert answer.next_request.url.path == "/dashboard"


@pytest.mark.parametrize("name", ["..%2fpages.py", "%2e%2e/pages.py", "../__init__.py", "nothing.js", "static", "%00"])
def test_nothing_else_is(client: httpx.Client, name: str):
    assert client.get(f"/dashboard/{name}").status_code == 404


def test_nothing_is_loaded_from_elsewhere():
    for path in OWN:
        found = set(re.findall(r"https?://[^\s\"'`<>]+", path.read_text())) - {"http://www.w3.org/2000/svg"}
        assert found <= {"http://${about.listen.replace(/^(0\\.0\\.0\\.0|\\[::\\])(?=:)/,"}, path.name


def test_no_text_becomes_markup():
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser"
    code = r"eval\(|new Function|setTimeout\(\s*[\"'`]"
    style = r"\.style\s*=|setAttribute\(\"style"
    sinks = re.compile(f"{markup}|{code}|{style}")
    for path in OWN:
        assert sinks.findall(path.read_text()) == [], path.name
    page = STATIC.joinpath("index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page) == []


def test_files_stay_small():
    for path in OWN:
        assert len(path.read_text().splitlines()) < 300, path.name


def test_the_chart_library_is_as_it_came():
    assert {name: sha256(STATIC.joinpath(name).read_bytes()).hexdigest() for name in UPLOT} == UPLOT


def test_a_wheel_holds_the_page():
    builder = WheelBuilder(str(ROOT))
    shipped = {file.distribution_path for file in builder.recurse_included_files()}
    assert {f"extproc/shell/dashboard/static/{path.name}" for path in STATIC.iterdir()} <= shipped
