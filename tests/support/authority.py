"""A certificate authority of our own, by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """Signs for one day."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.file = folder / "ca.pem"
        self._openssl("req", "-x509", *_EC, "-keyout", "ca.key", "-out", "ca.pem", "-subj", f"/CN={folder.name}", "-days", "1")

    def issue(self, into: Path, host: str = "localhost") -> dict[str, str]:
        """Put a certificate, its key and our own certificate into a folder, each in one step; gives them as `processor.tls` names them."""
        into.mkdir(exist_ok=True)
        (self._folder / "names").write_text(f"subjectAltName=DNS:{host}\n")
        self._openssl("req", *_EC, "-keyout", "new.key", "-out", "new.csr", "-subj", f"/CN={host}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "names", "-days", "1")
        self._openssl("x509", "-req", "-in", "new.csr", *signed, "-out", "new.pem")
        (self._folder / "new.ca").write_bytes(self.file.read_bytes())
        files = {"ca_file": "ca.pem", "key_file": "tls.key", "certificate_file": "tls.pem"}
        for made, name in (("new.ca", "ca.pem"), ("new.key", "tls.key"), ("new.pem", "tls.pem")):
            (self._folder / made).replace(into / name)
        return {key: str(into / name) for key, name in files.items()}

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True, timeout=60)
