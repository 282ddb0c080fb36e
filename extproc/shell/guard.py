"""Who may ask the admin HTTP: with a token, whoever brings it, and a page that was opened with it once; without one, whoever reaches it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from extproc.config.advice import is_loopback

FREE = frozenset({"/healthz", "/readyz"})
"""Asked by probes, which bring nothing."""
_COOKIE = "cascade_admin"
_MONTH_S = 2_592_000
_WHY = "expected the admin token: `Authorization: Bearer TOKEN`, or open /dashboard?token=TOKEN once\n"


def guard(token: Callable[[], str]) -> Middleware:
    """Give the middleware. `token` is asked for each request, so that it may be replaced; an empty one lets nobody in."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in FREE:
            return await handler(request)
        wanted = token()
        if wanted and request.path == "/dashboard" and _same(request.query.get("token", ""), wanted):
            return _opened(request, wanted)
        if wanted and (_same(_bearer(request), wanted) or _same(request.cookies.get(_COOKIE, ""), _pass(wanted))):
            return await handler(request)
        return web.Response(status=401, text=_WHY, headers={"www-authenticate": "Bearer", "cache-control": "no-store"})

    return guarded


@web.middleware
async def by_its_own_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse, on loopback, what a browser asks under another name: a page whose name was made to lead here (DNS rebinding) may not read."""
    here = request.transport.get_extra_info("sockname") if request.transport else None
    if here and is_loopback(str(here[0])) and not is_loopback(_name(request.host) or "localhost"):
        return web.Response(status=403, text="ask for localhost, or configure admin_token_file\n")
    return await handler(request)


def _name(host: str) -> str:
    """The host of a `Host` header, without its port."""
    return host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]


def _opened(request: web.Request, token: str) -> web.Response:
    """Let a page in from now on, and take the token out of its address. The path is relative: a proxy may serve it below one of its own."""
    response = web.Response(status=303, headers={"location": "dashboard", "cache-control": "no-store", "referrer-policy": "no-referrer"})
    # Lax, as the address may be followed from a chat or a note; nothing here changes anything.
    response.set_cookie(_COOKIE, _pass(token), max_age=_MONTH_S, httponly=True, samesite="Lax", secure=request.secure)
    return response


def _bearer(request: web.Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _pass(token: str) -> str:
    """What a page keeps in place of the token; it ends with it."""
    return hmac.new(token.encode(), b"cascade admin page", sha256).hexdigest()


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
