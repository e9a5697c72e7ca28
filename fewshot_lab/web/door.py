"""The door of the app: which hosts it answers to, what other websites may ask, what pages may load.

It stands before every route, Streamlit's too. A page of another website that somebody looks at can
send requests here with that person's browser. By DNS rebinding it can even read the answers: its
own name is pointed at this machine. But then the request still carries that name as its host.
"""

import socket
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fewshot_lab.web.assets import PREFIX

OTHER_SITE = "Requests from other sites are refused."

# Streamlit puts styles into the page and starts components from blobs; Plotly compiles shaders'
# code. Nothing is loaded from, or sent to, another machine.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Door:
    """ASGI middleware that refuses unknown hosts and requests from other websites.

    Parameters
    ----------
    app : ASGI application
    hosts : sequence of str
        The only names to answer to, ``*.example.org`` for all below one, ``*`` for any. Without
        them: this machine's names, and every address in digits, which nobody can rebind.
    address : str or None
        Where the server listens; a name is answered to.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), address: str | None = None):
        self.app = app
        self.only = [host.strip("[]").lower().rstrip(".") for host in hosts]
        machine = socket.gethostname().lower()
        self.own = {"localhost", machine, f"{machine}.local", (address or "localhost").lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request; pass on all others."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        host = host_of(headers.get("host", ""))
        if not self._answers_to(host):
            sentence = (
                f"This server does not answer to the name {host[:100]!r}: open it by an address "
                "that it knows, or start it with --allow-host and this name."
            )
            await PlainTextResponse(sentence, 403)(scope, receive, send_guarded)
        elif from_other_site(headers) and not _is_link(scope, headers):
            await PlainTextResponse(OTHER_SITE, 403)(scope, receive, send_guarded)
        else:
            with suppress(ClientDisconnect):  # nobody is there to be answered
                await self.app(scope, receive, send_guarded)

    def _answers_to(self, host: str) -> bool:
        if self.only:
            return any(
                pattern in ("*", host) or (pattern[:2] == "*." and host.endswith(pattern[1:]))
                for pattern in self.only
            )
        if host in self.own:
            return True
        try:
            ip_address(host)
        except ValueError:
            return False
        return True


def host_of(header: str) -> str:
    """Return the host of a Host header or an origin, without its port; empty where it is none."""
    try:
        parts = urlsplit(header if "//" in header else f"//{header}")
        _ = parts.port  # raises where it is no number
        host = parts.hostname or ""
    except ValueError:
        return ""
    return "" if parts.path or parts.query or parts.username else host.rstrip(".")


def from_other_site(headers: Headers) -> bool:
    """Say whether the browser tells that another site's page asks."""
    return headers.get("sec-fetch-site") not in (None, "same-origin", "none")


def origin_differs(headers: Headers) -> bool:
    """Say whether the page that asks comes from another origin than the one it asks."""
    origin = headers.get("origin")
    if origin is None:
        return False
    _, _, netloc = origin.partition("://")
    return netloc not in {headers.get("host"), headers.get("x-forwarded-host")} - {"", None}


def _is_link(scope: Scope, headers: Headers) -> bool:
    """Say whether somebody follows a link to a page, as in a mail."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and f"{PREFIX}/api/" not in scope["path"]
        and not scope["path"].endswith("/sign-out")
    )


async def body_of(request: Request, most: int) -> bytes | None:
    """Return a request's body; None where it has more bytes than that, of which no more is read."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            return None
    return bytes(body)
