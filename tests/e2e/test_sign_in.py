"""Each way to sign in, in the browser, to a label stored under the right name."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from oidc_provider_mock import run_server_in_thread
from playwright.sync_api import Page, expect

from check import debian
from fewshot_lab import accounts
from fewshot_lab.project import Project

from .conftest import Server, Watch, label_first, press

pytestmark = [
    pytest.mark.usefixtures("own_home"),
    pytest.mark.filterwarnings("ignore:get_jwt_config"),  # the provider's own
]

PASSWORD = "correct horse battery"
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    auth_basic "Laboratory"; auth_basic_user_file {folder}/people;
    location / {{
      proxy_pass http://127.0.0.1:{behind};
      proxy_bind 127.0.0.2;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-User $remote_user;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
    }}
  }}
}}
"""


@pytest.fixture
def labelling(project: Project) -> Iterator[Project]:
    """Return a project with one class."""
    project.store.add_class("lymphocyte", annotator="lead", client="c", q=1)
    yield project
    project.close()


@pytest.fixture
def server(home: Path, tmp_path: Path) -> Iterator[Server]:
    """Return a server that is not started yet."""
    server = Server(home, tmp_path / "server.log")
    yield server
    server.stop()


@pytest.fixture
def proxy(server: Server, tmp_path: Path) -> Iterator[str]:
    """Return the address of nginx before the server: it asks for a password and says who asks."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    program = program or debian("nginx", "nginx-light")
    if program is None:
        pytest.skip("nginx is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "people").write_text("ann.lee:{PLAIN}" + PASSWORD)
    tmp_path.chmod(0o755)
    file = tmp_path / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    file.write_text(user + NGINX.format(folder=tmp_path, port=port, behind=server.port))
    process = subprocess.Popen([program, "-c", str(file), "-p", str(tmp_path)])
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield f"http://localhost:{port}"
    process.terminate()
    process.wait()


def label_one(page: Page, url: str, project: Project, name: str) -> None:
    """Label the first image with a key; the label carries the name that was signed in."""
    page.goto(f"{url}/label?project=cells")
    page.wait_for_selector(".ws-tile")
    expect(page.locator(".ws-class .ws-name", has_text="lymphocyte")).to_be_visible()
    expect(page.get_by_role("button", name=name)).to_be_visible()
    expect(page.get_by_role("button", name="Help")).to_be_visible()
    # An annotator is shown no way to what the server would refuse.
    expect(page.get_by_text("Seniors and owners change the classes.")).to_be_visible()
    expect(page.get_by_placeholder("Add a class")).to_have_count(0)
    expect(page.get_by_role("button", name="Edit", exact=True)).to_be_hidden()
    label_first(page, project)
    assert {label.annotator for label in project.store.labels().values()} == {name}


def test_local_accounts(
    server: Server, labelling: Project, page: Page, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEWSHOT_LAB_SIGN_IN", "accounts")
    labelling.store.set_member("Ann Lee", "annotator")
    server.start()
    token = accounts.invite("Ann Lee")
    page.goto(f"{server.url}/label?project=cells")
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    page.goto(f"{server.url}/fewshot/invitation?token={token}")
    page.get_by_label("A password of at least 12 characters").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button").click()
    expect(page.get_by_role("link", name="cells")).to_be_visible()  # its card
    label_one(page, server.url, labelling, "Ann Lee")

    # Taken out while labelling: a sentence, and the label waits in the browser.
    labelling.store.set_member("Ann Lee", None)
    watch.forgiven += ("/api/cells/",)
    press(page, "1")
    expect(page.locator(".ws-workspace")).to_contain_text("You are not a member of a project")
    assert len(labelling.store.labels()) == 1
    labelling.store.set_member("Ann Lee", "annotator")
    expect(page.locator(".ws-workspace")).to_have_attribute("data-waiting", "0")
    assert len(labelling.store.labels()) == 2

    page.goto(f"{server.url}/export?project=cells")
    expect(page.get_by_role("alert")).to_contain_text("Only a senior or owner may take labels")
    page.get_by_role("button", name="Ann Lee").click()
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    page.get_by_label("Name").fill("ann lee")
    page.get_by_label("Password").fill(PASSWORD + "!")
    watch.forgiven += ("/fewshot/sign-in",)
    page.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_have_text("The name or the password is not right.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button").click()
    expect(page.get_by_role("button", name="Ann Lee")).to_be_visible()


def test_a_header_of_a_proxy(
    server: Server, labelling: Project, proxy: str, browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEWSHOT_LAB_SIGN_IN", "proxy")
    monkeypatch.setenv("FEWSHOT_LAB_TRUSTED_PROXY", "127.0.0.2")
    labelling.store.set_member("ann.lee", "annotator")
    server.start()
    for header in ({}, {"X-Forwarded-User": "ann.lee", "X-Forwarded-For": "127.0.0.2"}):
        answer = httpx.get(f"{server.url}/label", headers=header)
        assert answer.status_code == 403 and "answers nobody else" in answer.text
    assert httpx.get(f"{proxy}/label", headers=header).status_code == 401  # nginx's own
    context = browser.new_context(http_credentials={"username": "ann.lee", "password": PASSWORD})
    with context:
        page = context.new_page()
        page.set_extra_http_headers({"X-Forwarded-User": "lead"})  # nginx puts its own in place
        label_one(page, proxy, labelling, "ann.lee")


def test_openid_connect(
    server: Server, labelling: Project, browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "ann@lab.test"
    labelling.store.set_member(name, "annotator")
    with run_server_in_thread() as provider:
        issuer = f"http://localhost:{provider.server_port}"
        httpx.put(f"{issuer}/users/ann", json={"email": name, "email_verified": True})
        file = tmp_path / "secrets.toml"
        file.write_text(
            f'[auth]\nredirect_uri = "{server.url}/oauth2callback"\ncookie_secret = "{"c" * 40}"\n'
            f'client_id = "lab"\nclient_secret = "secret"\n'
            f'server_metadata_url = "{issuer}/.well-known/openid-configuration"\n'
        )
        file.chmod(0o600)
        monkeypatch.setenv("FEWSHOT_LAB_SIGN_IN", "openid")
        monkeypatch.setenv("FEWSHOT_LAB_OPENID_SECRETS", str(file))
        server.arguments = ["--secrets.files", str(file)]
        server.start()
        page = browser.new_page()  # the provider's own page asks for a style from elsewhere
        page.goto(f"{server.url}/label?project=cells")
        page.get_by_role("link", name="Sign in with your organisation").click()
        page.get_by_placeholder("sub").fill("ann")
        page.get_by_role("button", name="Authorize", exact=True).click()
        expect(page.get_by_role("link", name="cells")).to_be_visible()
        label_one(page, server.url, labelling, name)
        page.close()
