"""The pages on which people sign in, set their password, and sign out."""

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from fewshot_lab import accounts
from fewshot_lab.acting import acting
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.web.assets import PREFIX
from fewshot_lab.web.attempts import Attempts
from fewshot_lab.web.door import OTHER_SITE, body_of, origin_differs
from fewshot_lab.web.identity import COOKIE

LARGEST_FORM = 8192
HEADERS = {"Cache-Control": "no-store"}
WRONG = "The name or the password is not right."

_attempts = Attempts()


def sign_in_routes(base: str, sign_in_url: Callable[[], str] | None = None) -> list[BaseRoute]:
    """Return the routes of sign-in, below ``base``.

    Parameters
    ----------
    base : str
    sign_in_url : function, optional
        OpenID Connect: the address at which the sign-in with the provider begins.
    """
    home = f"{base}/"

    async def sign_in(request: Request) -> Response:
        settings = accounts.sign_in()
        if not settings.is_on:
            return RedirectResponse(home, 303)
        if settings.way == "proxy":
            return page("Sign in", sentence="The proxy before this server signs people in.")
        if settings.way == "openid":
            return _with_provider(request, sign_in_url)
        if request.method == "GET":
            return _form(next=request.query_params.get("next", ""))
        return await _sign_in(request, base)

    async def invitation(request: Request) -> Response:
        return await _invitation(request, base)

    async def sign_out(request: Request) -> Response:
        settings = accounts.sign_in()
        if key := request.headers.get("x-fewshot-session"):
            await run_in_threadpool(accounts.end, key)
        if settings.way == "openid":
            return RedirectResponse(f"{base}/auth/logout", 303)
        answer = RedirectResponse(f"{base}{PREFIX}/sign-in", 303)
        answer.delete_cookie(COOKIE, path=home)
        return answer

    both = ["GET", "POST"]
    return [
        Route(f"{base}{PREFIX}/sign-in", sign_in, methods=both),
        Route(f"{base}{PREFIX}/invitation", invitation, methods=both),
        Route(f"{base}{PREFIX}/sign-out", sign_out),
    ]


def page(
    title: str, kind: str = "", *, wrong: str = "", status: int = 200, **values: Any
) -> Response:
    """Return one of the pages; ``wrong`` says what is wrong."""
    fields = {"sentence": "", "next": "", "name": "", "note": "", "token": ""} | values
    if wrong:
        fields["sentence"] = wrong
    template = _environment().get_template("sign_in.html.jinja")
    text = template.render(title=title, kind=kind, wrong=bool(wrong), **fields)
    return HTMLResponse(text, status, HEADERS)


def _form(status: int = 200, **values: Any) -> Response:
    note = "No account, or the password forgotten? An administrator can invite you again."
    return page("Sign in", "accounts", status=status, note=note, **values)


async def _sign_in(request: Request, base: str) -> Response:
    form = await _posted(request)
    if form is None:
        return _form(403, wrong=OTHER_SITE)
    name, password = form.get("name", "")[:200], form.get("password", "")
    address = request.client.host if request.client else ""
    minutes = _attempts.minutes_to_wait(name, address)
    if minutes:
        sentence = f"Too many attempts have failed: try again in {minutes} minutes."
        return _form(429, wrong=sentence, name=name, next=form.get("next", ""))
    user = await run_in_threadpool(accounts.check_password, name, password)
    if user is None:
        _attempts.failed(name, address)
        with acting(name or "nobody"):
            await run_in_threadpool(accounts.note, "sign-in failed", address=address)
        return _form(401, wrong=WRONG, name=name, next=form.get("next", ""))
    _attempts.succeeded(name)
    return await _signed_in(request, user, f"{base}{_inside(form.get('next', ''))}", base)


async def _signed_in(request: Request, name: str, to: str, base: str) -> Response:
    token = await run_in_threadpool(accounts.begin, name)
    answer = RedirectResponse(to, 303)
    answer.set_cookie(
        COOKIE,
        token,
        path=f"{base}/",
        httponly=True,
        samesite="lax",
        # The browser knows best how it came here: proxies end TLS before us.
        secure=request.headers.get("origin", "").startswith("https:"),
    )
    return answer


async def _invitation(request: Request, base: str) -> Response:
    title = "Set your password"
    if accounts.sign_in().way != "accounts":
        return page("Invitation", wrong="Nobody signs in with a password here.", status=404)
    if request.method == "GET":
        token = request.query_params.get("token", "")[:200]
        try:
            name = await run_in_threadpool(accounts.invited, token)
        except FewshotLabError as error:
            return page("Invitation", wrong=str(error), status=410)
        return _invited(f"Welcome, {name}", token, name)
    form = await _posted(request)
    if form is None:
        return page(title, wrong=OTHER_SITE, status=403)
    token, password = form.get("token", "")[:200], form.get("password", "")
    name = form.get("name", "")[:60]
    if password != form.get("again"):
        return _invited(title, token, name, "The two passwords differ: type them again.")
    try:
        name = await run_in_threadpool(accounts.accept, token, password)
    except FewshotLabError as error:
        return _invited(title, token, name, str(error))
    return await _signed_in(request, name, f"{base}/", base)


def _invited(title: str, token: str, name: str, wrong: str = "") -> Response:
    return page(
        title,
        "invitation",
        token=token,
        name=name,
        wrong=wrong,
        shortest=accounts.SHORTEST_PASSWORD,
        status=400 if wrong else 200,
    )


def _with_provider(request: Request, sign_in_url: Callable[[], str] | None) -> Response:
    wrong = FAILED.get(request.query_params.get("failed", ""), "")
    if sign_in_url is not None and "go" in request.query_params:
        return RedirectResponse(sign_in_url(), 303)
    if sign_in_url is None:
        return page("Sign in", wrong="Signing in is not set up on this server.", status=500)
    return page(
        "Sign in", "link", wrong=wrong, href="?go=1", label="Sign in with your organisation"
    )


FAILED = {
    "away": "The sign-in service of your organisation does not answer: try again in a while.",
    "secret": "The sign-in service does not accept this server's secret: its administrator must "
    "put the right one into the file of --openid-secrets.",
    "clock": "The clocks of this server and of the sign-in service differ: its administrator must "
    "set them right.",
    "other": "Signing in did not work: try again. The server's log says why.",
}
"""Why signing in with a provider failed, in words."""


async def _posted(request: Request) -> dict[str, str] | None:
    """Return the fields of a form; None where another site's page sent it."""
    if origin_differs(request.headers):
        return None
    body = await body_of(request, LARGEST_FORM) or b""
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _inside(path: str) -> str:
    """Return an address of the app to go on to, never one of another site."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return quote(path, safe="/?=&%+:@,;~") if plain else "/"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fewshot_lab.web"), autoescape=True, undefined=StrictUndefined
    )
