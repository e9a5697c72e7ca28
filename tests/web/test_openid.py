"""OpenID Connect with a real provider on loopback: who signed in, and why somebody could not.

It also holds Streamlit to where it keeps the identity: a release that moves it fails here.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from oidc_provider_mock import run_server_in_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit import config
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_auth_routes import create_auth_routes

from fewshot_lab import accounts
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.ui.openid import StreamlitOpenId
from fewshot_lab.web import Identity, routes

pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config")  # the provider's own

APP = "http://localhost:8501"
Make = Callable[..., TestClient]


@pytest.fixture
def sign_in_by(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Return what makes a browser before an app that trusts a provider."""
    before = config.get_option("secrets.files")

    def make(issuer: str, client: str = "lab", secret: str = "s" * 20) -> TestClient:
        file = tmp_path / "secrets.toml"
        file.write_text(
            f'[auth]\nredirect_uri = "{APP}/oauth2callback"\ncookie_secret = "{"c" * 40}"\n'
            f'client_id = "{client}"\nclient_secret = "{secret}"\n'
            f'server_metadata_url = "{issuer}/.well-known/openid-configuration"\n'
        )
        file.chmod(0o600)
        monkeypatch.setenv("FEWSHOT_LAB_SIGN_IN", "openid")
        monkeypatch.setenv("FEWSHOT_LAB_OPENID_SECRETS", str(file))
        config.set_option("secrets.files", [str(file)])
        secrets_singleton._reset()

        async def page(request: Request) -> PlainTextResponse:
            return PlainTextResponse(request.headers["x-fewshot-visitor"])

        openid = StreamlitOpenId()
        app = Starlette(
            routes=[
                *routes("", openid.sign_in_url),
                Route("/label", page),
                *create_auth_routes(""),
            ],
            middleware=[
                Middleware(Identity, settings=accounts.sign_in(), openid=openid),
                Middleware(SessionMiddleware, secret_key="x" * 20),
            ],
        )
        return TestClient(app, APP, follow_redirects=False)

    yield make
    config.set_option("secrets.files", before)
    secrets_singleton._reset()


def sign_in(browser: TestClient, who: str = "ann") -> str:
    """Go through the provider's own page, as a browser does; return where that leads."""
    to_streamlit = browser.get("/fewshot/sign-in?go=1").headers["location"]
    to_provider = browser.get(to_streamlit).headers["location"]
    if not to_provider.startswith("http"):
        return to_provider
    back = httpx.post(to_provider, data={"sub": who}).headers["location"]
    parts = urlsplit(back)
    return str(browser.get(f"{parts.path}?{parts.query}").headers["location"])


def test_who_signs_in_is_known_to_every_route(sign_in_by: Make) -> None:
    with run_server_in_thread() as provider:
        issuer = f"http://localhost:{provider.server_port}"
        claims = {"email": "ann@lab.test", "email_verified": True}
        httpx.put(f"{issuer}/users/ann", json=claims).raise_for_status()
        browser = sign_in_by(issuer)
        assert browser.get("/label", headers={"Accept": "text/html"}).status_code == 303
        assert sign_in(browser) == "/"
        assert browser.get("/label").text == "ann%40lab.test"
        cookies = dict(browser.cookies)
        browser.get("/fewshot/sign-out")
        browser.cookies.update(cookies)  # whoever kept the cookie has nothing
        assert browser.get("/label").status_code == 401
        browser.cookies.clear()
        forged = cookies["_streamlit_user"][:-4] + "AAAA"
        assert (
            browser.get("/label", headers={"Cookie": f"_streamlit_user={forged}"}).status_code
            == 401
        )
    events = [(entry.who, entry.what) for entry in accounts.server_journal()]
    assert events == [("ann@lab.test", "sign-in"), ("ann@lab.test", "sign-out")]


def test_a_provider_that_does_not_tell_a_sound_name(
    sign_in_by: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_server_in_thread() as provider:
        issuer = f"http://localhost:{provider.server_port}"
        claims = {"email": "ann@lab.test", "email_verified": False}
        httpx.put(f"{issuer}/users/ann", json=claims).raise_for_status()
        browser = sign_in_by(issuer)
        sign_in(browser)
        answer = browser.get("/label")
        assert answer.status_code == 403 and "not checked your e-mail" in answer.text
        monkeypatch.setenv("FEWSHOT_LAB_OPENID_CLAIM", "staff_number")
        browser = sign_in_by(issuer)
        sign_in(browser)
        answer = browser.get("/label")
        assert answer.status_code == 403 and "did not send “staff_number” for you" in answer.text
        assert browser.get("/fewshot/sign-in").status_code == 200  # to try as somebody else


def failure(browser: TestClient) -> str:
    where = sign_in(browser)
    assert where.startswith("/fewshot/sign-in?failed="), where
    page = browser.get(where).text
    found = re.search(r'role="alert">([^<]+)<', page)
    assert found
    return found[1]


def test_a_wrong_secret(sign_in_by: Make) -> None:
    with run_server_in_thread(require_client_registration=True) as provider:
        issuer = f"http://localhost:{provider.server_port}"
        asked = {"redirect_uris": [f"{APP}/oauth2callback"]}
        client = httpx.post(f"{issuer}/oauth2/clients", json=asked).json()
        browser = sign_in_by(issuer, client["client_id"], "not the secret")
        assert "does not accept this server" in failure(browser)


def test_a_clock_that_is_off(sign_in_by: Make) -> None:
    with run_server_in_thread(access_token_max_age=timedelta(hours=-2)) as provider:
        browser = sign_in_by(f"http://localhost:{provider.server_port}")
        assert "clocks" in failure(browser)


def test_a_provider_that_is_away(sign_in_by: Make) -> None:
    assert "does not answer" in failure(sign_in_by("http://localhost:9"))


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"FEWSHOT_LAB_SIGN_IN": "openid"}, "--openid-secrets"),
        ({"FEWSHOT_LAB_SIGN_IN": "proxy"}, "--trusted-proxy"),
        ({"FEWSHOT_LAB_SIGN_IN": "magic"}, "must be one of"),
        ({"FEWSHOT_LAB_TRUSTED_PROXY": "proxy.local"}, "a numeric one"),
    ],
)
def test_settings_that_cannot_be(
    setting: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FewshotLabError, match=told):
        accounts.sign_in()
