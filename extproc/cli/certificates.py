"""`extproc certificates`: the certificates of intercepted hosts, signed by the organisation's CA."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from extproc.cli.options import config_option, say
from extproc.config.certificates import unusable
from extproc.config.interception import Intercept
from extproc.config.model import Config
from extproc.envoyconf.clusters import ca_bundle

_AUTHORITY = """\
[req]
prompt=no
distinguished_name=name
x509_extensions=authority
[name]
CN=cascade-extproc interception CA
[authority]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
nameConstraints=critical,"""
_REQUEST = "[req]\nprompt=no\ndistinguished_name=name\n[name]\nCN=cascade-extproc\n"
_SERVER = """\
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=DNS:"""
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@click.command("certificates")
@config_option
@click.option("--ca", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Certificate of the CA.")
@click.option("--ca-key", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Its private key; only read here.")
@click.option("--new-ca", is_flag=True, help="Make both first: a CA that can sign for these hosts and no others.")
@click.option("--days", type=click.IntRange(1, 825), default=90, show_default=True, help="How long they are valid.")
@click.option("--bundle", type=click.Path(path_type=Path, dir_okay=False), help="Write the system's CAs and this one there, for clients.")
def command(config: Config, ca: Path, ca_key: Path, new_ca: bool, days: int, bundle: Path | None) -> None:
    """Issue a certificate for each host in intercept.hosts, into the folder intercept.certificates.

    A running Envoy takes new ones over by itself, so a timer that calls this renews them. The CA's key belongs neither into that folder nor
    onto the machine that intercepts. Needs openssl.
    """
    if not config.intercept.hosts:
        raise click.UsageError("intercept.hosts is empty: there is nothing to issue for")
    if new_ca:
        _make_ca(config.intercept.hosts, ca, ca_key)
        say(f"made {ca} and {ca_key}")
    Path(config.intercept.certificates).mkdir(parents=True, exist_ok=True)
    for host in config.intercept.hosts:
        _issue(config.intercept, host, ca, ca_key, days)
        say(f"issued {config.intercept.files(host)[0]}")
    if bundle is not None:
        _replace(bundle, Path(ca_bundle()).read_bytes().rstrip(b"\n") + b"\n" + ca.read_bytes(), 0o644)
        say(f"wrote {bundle}: SSL_CERT_FILE and the like of clients")


def _make_ca(hosts: Sequence[str], ca: Path, key: Path) -> None:
    for path in (ca, key):
        if path.exists():
            raise click.UsageError(f"{path} exists; --new-ca makes a new one only where there is none")
    # Whoever gets hold of its key can pretend to be these hosts, and nobody else (RFC 5280, 4.2.1.10).
    permitted = ",".join(f"permitted;DNS:{host}" for host in hosts)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").write_text(f"{_AUTHORITY}{permitted}\n")
        _openssl(folder, "req", "-x509", *_NEW_KEY, "-config", "config", "-keyout", "key", "-out", "crt", "-days", "3650")
        _replace(key, (folder / "key").read_bytes(), 0o600)
        _replace(ca, (folder / "crt").read_bytes(), 0o644)


def _issue(intercept: Intercept, host: str, ca: Path, ca_key: Path, days: int) -> None:
    certificate, key = intercept.files(host)
    signed_by = ("-CA", str(ca.absolute()), "-CAkey", str(ca_key.absolute()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").write_text(_REQUEST)
        (folder / "leaf").write_text(f"{_SERVER}{host}\n")
        _openssl(folder, "req", *_NEW_KEY, "-config", "config", "-keyout", "key", "-out", "csr")
        serial = ("-set_serial", f"0x{_random_serial(folder)}")
        _openssl(folder, "x509", "-req", "-in", "csr", *signed_by, *serial, "-extfile", "leaf", "-out", "crt", "-days", str(days))
        with (folder / "crt").open("ab") as chain:
            chain.write(ca.read_bytes())  # it may have been signed by another itself
        if reason := unusable(host, folder / "crt", folder / "key", ca):
            raise click.ClickException(f"{host}: what {ca} signs would not be believed: {reason}")
        _replace(key, (folder / "key").read_bytes(), 0o600)
        _replace(certificate, (folder / "crt").read_bytes(), 0o644)


def _random_serial(folder: Path) -> str:
    return "1" + _openssl(folder, "rand", "-hex", "15").strip()  # RFC 5280: positive, 20 bytes at most


def _openssl(folder: Path, *words: str) -> str:
    program = shutil.which("openssl")
    if program is None:
        raise click.ClickException("openssl is not on PATH")
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise click.ClickException(f"openssl {words[0]}: {done.stderr.strip()}")
    return done.stdout


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step; it never has more readers than in the end."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as stream:
        try:
            stream.write(content)
            Path(stream.name).chmod(mode)
            Path(stream.name).replace(path)
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise
