"""Behind the proxy of deploy/Caddyfile: its own TLS, the page's websocket, labels, and no names."""

import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from fewshot_lab.project import Project

from .conftest import label_first

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def caddy(upstream: str, folder: Path) -> Iterator[str]:
    """Run Caddy with the Caddyfile that comes with the app, before another server."""
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed")
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    url = f"https://localhost:{ports[0]}"
    environment = os.environ | {
        "FEWSHOT_LAB_DOMAIN": url,
        "FEWSHOT_LAB_HTTP_PORT": str(ports[1]),
        "FEWSHOT_LAB_UPSTREAM": upstream,
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    command = [program, "run", "--adapter", "caddyfile", "--config", ROOT / "deploy" / "Caddyfile"]
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(150):
            try:
                httpx.get(url, verify=False, timeout=5)
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_nobody_says_from_outside_who_they_are(tmp_path: Path) -> None:
    heard: list[dict[str, str]] = []

    class Echo(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        with caddy(f"127.0.0.1:{echo.server_port}", tmp_path) as url:
            names = ("X-Forwarded-User", "X-Forwarded-Email", "Remote-User", "X-Auth-Request-User")
            httpx.get(f"{url}/x", headers=dict.fromkeys(names, "chief"), verify=False)
        echo.shutdown()
    assert "chief" not in heard[-1].values()
    assert heard[-1]["host"] == url.removeprefix("https://")


def test_the_app_is_used_through_the_proxy(
    project: Project, server, browser: Browser, tmp_path: Path
) -> None:
    with caddy(f"localhost:{server.port}", tmp_path) as url:
        answer = httpx.get(f"{url}/fewshot/health", verify=False)
        assert answer.json()["ready"] and "max-age" in answer.headers["Strict-Transport-Security"]
        assert "frame-ancestors" in answer.headers["Content-Security-Policy"]
        evil = httpx.get(f"{url}/fewshot/health", headers={"Host": "evil.test"}, verify=False)
        assert "ready" not in evil.text
        context = browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(60_000)
        page = context.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda opened: sockets.append(opened.url))
        page.goto(f"{url}/label?project={project.name}")
        page.wait_for_selector(".ws-map[data-drawn]")
        field = page.get_by_label("Name of a new class")
        field.fill("monocyte")
        field.press("Enter")
        expect(page.locator(".ws-class .ws-name", has_text="monocyte")).to_be_visible()
        label_first(page, project)
        context.close()
    assert len(project.store.labels()) == 1
    assert sockets and all(address.startswith(url.replace("https", "wss")) for address in sockets)
