"""Who asks: told once for every request, of pages, routes and sockets alike, before all else.

Whatever comes after finds the visitor in the request's scope; Streamlit's pages, which see headers
alone, find it in two headers that nobody can send from outside.
"""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fewshot_lab import accounts
from fewshot_lab.accounts import ANYBODY, SignIn, Visitor
from fewshot_lab.errors import FewshotLabError, NotSignedIn, Unavailable
from fewshot_lab.web.assets import PREFIX

VISITOR = "fewshot.visitor"
NAME_HEADER = "x-fewshot-visitor"
SESSION_HEADER = "x-fewshot-session"
COOKIE = "fewshot_session"
OPENID_COOKIE = "_streamlit_user="
SIGNED_OUT = (
    "You are signed out: reload this page to sign in. Your labels are kept in this browser."
)
UNTRUSTED = "This server is reached through the proxy that signs people in; it answers nobody else."
# What nobody needs to be known for: signing in, and whether the server is alive.
HEALTH = ("/_stcore/health", f"{PREFIX}/health")
PUBLIC = (f"{PREFIX}/sign-in", f"{PREFIX}/sign-out", f"{PREFIX}/invitation", *HEALTH)
OPENID_PUBLIC = ("/auth/login", "/auth/logout", "/oauth2callback")
# What a page asks for by itself does not show that somebody is there.
UNATTENDED = ("live", "thumb")
# Nobody waits behind pictures to be known.
LOOKING = CapacityLimiter(16)


class OpenId(Protocol):
    """What is known of somebody who signed in with a provider."""

    def identity(self, cookies: Mapping[str, str]) -> tuple[str, float, dict[str, object]] | None:
        """Return the raw cookie, when it was made, and what it says; None without a sound one."""

    def why_failed(self) -> str:
        """Return a word for why the sign-in at hand failed."""


class Identity:
    """ASGI middleware that says who asks, and refuses where somebody must be known.

    Parameters
    ----------
    app : ASGI application
    settings : SignIn
    base : str
        ``server.baseUrlPath``.
    openid : OpenId, optional
        Reads what Streamlit's own sign-in keeps in the browser.
    """

    def __init__(
        self, app: ASGIApp, settings: SignIn, base: str = "", openid: OpenId | None = None
    ):
        self.app, self.settings, self.openid = app, settings, openid
        self.base = f"/{base.strip('/')}" if base.strip("/") else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell who asks, or answer that nobody is signed in."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        ours = (NAME_HEADER.encode(), SESSION_HEADER.encode())
        headers = [pair for pair in scope["headers"] if pair[0].lower() not in ours]
        scope = {**scope, "headers": headers}
        if not self.settings.is_on:
            await self.app({**scope, VISITOR: ANYBODY}, receive, send)
            return
        path = str(scope["path"]).removeprefix(self.base)
        try:
            name, session, administrator = await to_thread.run_sync(
                self._who, HTTPConnection(scope), path, limiter=LOOKING
            )
        except Unavailable as error:
            await PlainTextResponse(str(error), 503)(scope, receive, send)
            return
        except FewshotLabError as error:
            if self.settings.way == "proxy" or not self._is_public(path):
                await PlainTextResponse(str(error), 403)(scope, receive, send)
                return
            name, session, administrator = None, "", False
        if name is not None:
            identified = [(ours[0], quote(name).encode()), (ours[1], session.encode())]
            known = {"headers": [*headers, *identified], VISITOR: Visitor(name, administrator)}
            await self.app({**scope, **known}, receive, send)
        elif self._is_public(path):
            await self.app(scope, receive, self._watched(path, send))
        else:
            await self._refusal(scope, path)(scope, receive, send)

    def _who(self, request: HTTPConnection, path: str) -> tuple[str | None, str, bool]:
        """Return who asks (None for nobody), the session's key, and whether they administrate."""
        name, key = self._session(request, path)
        return name, key, name is not None and accounts.is_administrator(name)

    def _session(self, request: HTTPConnection, path: str) -> tuple[str | None, str]:
        parts = path.removeprefix(f"{PREFIX}/api/").split("/")
        touch = not (path.startswith(f"{PREFIX}/api/") and parts[1:2] in ([w] for w in UNATTENDED))
        idle = self.settings.idle
        match self.settings.way:
            case "proxy":
                # Port 0: the address is not of the socket, but was told by a header.
                peer = request.client.host if request.client and request.client.port else None
                if not self.settings.trusts(peer):
                    if path in HEALTH:
                        return None, ""
                    raise FewshotLabError(UNTRUSTED)
                return self._name_from_proxy(request.headers), ""
            case "openid":
                signed_in = self.openid.identity(request.cookies) if self.openid else None
                if signed_in is None:
                    return None, ""
                cookie, signed_at, claims = signed_in
                key = accounts.key_of(cookie)
                name = claimed_name(claims, self.settings.claim)
                return accounts.adopt(key, name, signed_at, idle, touch=touch), key
            case _:
                token = request.cookies.get(COOKIE)
                if not token:
                    return None, ""
                key = accounts.key_of(token)
                return accounts.name_of(key, idle, touch=touch), key

    def _watched(self, path: str, send: Send) -> Send:
        """Lead back to our own page, with the reason, where signing in with a provider failed."""
        if self.openid is None or path not in ("/auth/login", "/oauth2callback"):
            return send
        openid, replaced = self.openid, False

        async def watched(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                kept = [c for c in answer.getlist("set-cookie") if c.startswith(OPENID_COOKIE)]
                signed_in = any("max-age=0" not in cookie.lower() for cookie in kept)
                on_the_way = path == "/auth/login" and message["status"] == 302
                if not signed_in and not on_the_way:
                    replaced = True
                    why = f"{self.base}{PREFIX}/sign-in?failed={openid.why_failed()}"
                    message = {"type": message["type"], "status": 303, "headers": []}
                    MutableHeaders(scope=message)["location"] = why
            elif replaced and message["type"] == "http.response.body":
                message = {"type": message["type"]}
            await send(message)

        return watched

    def _name_from_proxy(self, headers: Headers) -> str | None:
        names = headers.getlist(self.settings.header)
        if len(names) > 1:
            raise FewshotLabError(
                f"The proxy sent the header {self.settings.header} twice: it must remove a header "
                "from outside before it adds its own."
            )
        if not names or not names[0].strip():
            return None
        return accounts.checked_name(names[0].encode("latin-1").decode("utf-8", "replace"))

    def _is_public(self, path: str) -> bool:
        public = PUBLIC + (OPENID_PUBLIC if self.settings.way == "openid" else ())
        return path in public

    def _refusal(self, scope: Scope, path: str) -> Response:
        """Return what somebody gets who is not signed in: a page leads to the sign-in."""
        headers = Headers(scope=scope)
        if scope["type"] == "websocket":
            return PlainTextResponse(SIGNED_OUT, 403)
        wants_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        if wants_page and self.settings.way != "proxy":
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            asked = quote(f"{path}{query}", safe="")
            return RedirectResponse(f"{self.base}{PREFIX}/sign-in?next={asked}", 303)
        sentence = (
            f"The proxy did not say who you are (header {self.settings.header}): sign in there."
            if self.settings.way == "proxy"
            else SIGNED_OUT
        )
        if wants_page:
            return PlainTextResponse(sentence, 401)
        return JSONResponse({"error": sentence}, 401, {"Cache-Control": "no-store"})


def claimed_name(claims: Mapping[str, object], claim: str) -> str:
    """Return the name that a provider's identity stands for.

    Raises
    ------
    FewshotLabError
        Where the provider does not tell it, or has not checked the address.
    """
    name = claims.get(claim)
    if not isinstance(name, str) or not name.strip():
        raise FewshotLabError(
            f"The sign-in provider did not send “{claim}” for you: an administrator must name "
            "another claim (FEWSHOT_LAB_OPENID_CLAIM), or let the provider send it."
        )
    if claim == "email" and claims.get("email_verified") is False:
        raise FewshotLabError("The sign-in provider has not checked your e-mail address.")
    return accounts.checked_name(name)


def visitor_of(connection: HTTPConnection) -> Visitor:
    """Return who asks.

    Raises
    ------
    NotSignedIn
        Where somebody must be known and nobody is.
    """
    visitor = connection.scope.get(VISITOR)
    if isinstance(visitor, Visitor):
        return visitor
    if accounts.sign_in().is_on:
        raise NotSignedIn(SIGNED_OUT)
    return ANYBODY
