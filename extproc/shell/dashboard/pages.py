"""The files of the live page, read when someone asks for them, and served with headers that let them do little."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

from aiohttp import web

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "LICENSE": "text/plain; charset=utf-8",
}

HEADERS = {
    # No markup is ever parsed by a script here (trusted types), nothing is loaded from elsewhere, and nobody frames the page.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


def add_pages(app: web.Application) -> None:
    """Serve `/dashboard` and, beneath it, exactly the files that are in the package: no name from a request is ever a path."""
    folder = files(__package__).joinpath("static")
    names = frozenset(file.name for file in folder.iterdir())

    async def serve(request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        if name not in names:
            raise web.HTTPNotFound
        body = folder.joinpath(name).read_bytes()  # some kilobytes from the page cache, once per visit
        tag = f'"{sha256(body).hexdigest()[:32]}"'
        headers = {**HEADERS, "etag": tag, "content-type": _TYPES[name.rpartition(".")[2]]}
        if request.headers.get("if-none-match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers)

    async def lead(request: web.Request) -> web.Response:
        # Relative, as a proxy may serve all this below a path of its own.
        return web.Response(status=308, headers={"location": "dashboard" if request.path == "/" else "../dashboard"})

    app.add_routes(
        [
            web.get("/", lead),
            web.get("/dashboard/", lead),
            web.get("/dashboard", serve),
            web.get("/dashboard/{name}", serve),
        ]
    )
