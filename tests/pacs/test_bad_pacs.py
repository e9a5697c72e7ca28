"""A PACS that is away, slow, refuses or answers nonsense: one sentence each, nothing lost."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pacs import connect, search_studies, series_of

from .conftest import free_port

Answer = Callable[[str, dict[str, list[str]]], tuple[int, bytes]]


@pytest.fixture
def server() -> Iterator[Callable[[Answer], str]]:
    """Return a function that serves answers of our own making, and returns their address."""
    running: list[ThreadingHTTPServer] = []

    def serve(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                status, body = answer(address.path, parse_qs(address.query))
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/dicom+json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:  # whoever asked waits no longer
                    pass

            def log_message(self, *_: object) -> None: ...

        running.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        serving = partial(running[-1].serve_forever, poll_interval=0.02)
        threading.Thread(target=serving, daemon=True).start()
        return f"http://127.0.0.1:{running[-1].server_port}/dicom-web"

    yield serve
    for each in running:
        each.shutdown()
        each.server_close()


def test_without_an_address_there_is_no_pacs(monkeypatch):
    monkeypatch.delenv("FEWSHOT_LAB_PACS_URL", raising=False)
    with pytest.raises(FewshotLabError, match="No PACS is set up here"):
        connect()
    monkeypatch.setenv("FEWSHOT_LAB_PACS_URL", "pacs.example.org")
    with pytest.raises(FewshotLabError, match="must be an address as https"):
        connect()


def test_a_pacs_that_is_away_is_said(pacs_of):
    pacs = pacs_of(f"http://127.0.0.1:{free_port()}/dicom-web")
    with pytest.raises(FewshotLabError, match="cannot be reached"):
        series_of(pacs, "1.2.3")


def test_a_pacs_that_is_slow_is_given_up(pacs_of, server):
    def slow(path, query):
        time.sleep(1.2)
        return 200, b"[]"

    with pytest.raises(FewshotLabError, match="did not answer within 1 s"):
        series_of(pacs_of(server(slow), seconds=1), "1.2.3")


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, b"", "refuses the token; check FEWSHOT_LAB_PACS_TOKEN"),
        (403, b"", "refuses the token"),
        (404, b"", "has nothing at this address"),
        (400, b"", r"error \(HTTP 400\)"),
        (200, b"<html>Sign in</html>", "not answer in DICOMweb"),
        (200, b'[{"0020000D": {"vr": "UI", "Value": 3}}]', "not answer in DICOMweb"),
        (200, b'{"a": 1}', "not answer in DICOMweb"),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(pacs_of, server, status, body, sentence):
    pacs = pacs_of(server(lambda path, query: (status, body)))
    with pytest.raises(FewshotLabError, match=sentence):
        series_of(pacs, "1.2.3")


@pytest.mark.parametrize("pages", [True, False])
def test_fifteen_hundred_series_are_counted_page_by_page(pacs_of, server, pages):
    rows = [
        {
            "0020000E": {"vr": "UI", "Value": [f"1.2.{k}"]},
            "00080060": {"vr": "CS", "Value": ["CT" if k % 2 else "SR"]},
            "00201209": {"vr": "IS", "Value": [7]},
        }
        for k in range(1500)
    ]
    asked = []

    def answer(path, query):
        start, n = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["9999"])[0])
        asked.append((start, n))
        return 200, json.dumps(rows[start : start + n] if pages else rows).encode()

    counted = []
    series = series_of(
        pacs_of(server(answer)), "1.2", lambda stage, done, total: counted.append((stage, done))
    )
    assert len(series) == 1500 and sum(each.has_pictures for each in series) == 750
    assert counted[-1] == ("counting", 1500)
    assert len(asked) == (16 if pages else 1)
    studies, more = search_studies(pacs_of(server(lambda path, query: (200, b"[]"))), patient="P")
    assert (studies, more) == ([], False)
