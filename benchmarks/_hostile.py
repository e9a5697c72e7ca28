"""Requests that no page sends: bodies by the routes' own schemas and beside them, odd headers."""

import gzip
import inspect
import json
import random
import string
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from starlette.routing import Route

HUGE = 10**400
NUMBERS: list[Any] = [
    *(-1, 0, 1, 2, 7, 127, 2**31 - 1, 2**31, 2**53 - 1, 2**53, 2**63, -(2**63), HUGE),
    *(0.1, 0.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan"), 1e-320),
]
TEXTS = [
    *("", " ", "x", "=cmd|' /C calc'!A0", "+1", "@SUM(1)", "\0", "a\0b", "\ud800", "é", "ẞ" * 30),
    *("\u202egnp.exe", "\u200b", "a\nb", "a\r\nSet-Cookie: x=1", "<script>alert(1)</script>"),
    *("../../etc/passwd", "..\\..", "%s%n%x", "'; drop table actions; --", "{{7*7}}", "nan"),
    *("null", "true", "1e999", "9" * 40, "-1", "inf", "[1]", "@group", "@flag", "@annotator"),
    *("@unlike", "#aabbcc", "red;background:url(//evil)", "y" * 61, "n" * 5000, "👩‍⚕️" * 40),
]
QUERIES = {
    **dict.fromkeys(("rev", "labels", "map", "overview", "token", "failed"), ("", "1", "away")),
    **dict.fromkeys(
        ("images", "before", "at", "k", "row", "column", "unlabelled"), ("1", "2", "9")
    ),
    "name": ("@reference", "@group", "@annotator", "@flag", "@unlike"),
    "what": ("conflicts", "cell"),
    **dict.fromkeys(("a", "b", "annotator"), ("Ann", "Sam")),
    **dict.fromkeys(("text", "next"), ("/label", "0")),
}
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FEWSHOT")
JSON = "application/json"
TYPES = (JSON, "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
         "application/json; charset=utf-16", "a" * 3000, "")  # fmt: skip


class Hostile:
    """What is asked, drawn by chance; of a project whose images and classes are known."""

    def __init__(
        self,
        seed: int,
        image_ids: list[str],
        class_ids: list[int],
        slides: list[str],
        names: list[str],
    ):
        self.chance = random.Random(seed)
        self.image_ids, self.class_ids, self.names = image_ids, class_ids, names
        self.slides = slides
        self.harm = True
        """Whether what is drawn now may be other than what fits."""

    def path(self, route: Route) -> str:
        """Return an address of a route, mostly of things that are there."""
        self.harm = self.chance.random() < 0.3
        values = {
            "project": ("cells", "other", "nowhere", "..", "/etc", "cells/", "CELLS")[
                : 7 if self.harm else 1
            ],
            # Evenly, so that some of each kind are among them.
            "image": (*self.image_ids[:: len(self.image_ids) // 12], f"{self.image_ids[0]}.webp"),
            "name": ("main.js", "x"),
            "slide": self.slides,
            **dict.fromkeys(("level", "column", "row", "number"), ("0", "1")),
        }
        path = route.path
        for name in route.param_convertors:
            value = self.pick(values.get(name, ("1",)), 0.2)
            path = path.replace("{" + name + "}", _quoted(value))
        return path + (
            self.pick(("/", "//", "/..", "%00", "?", ";x", ".webp"), 0) if self.may(0.03) else ""
        )

    def query(self) -> str:
        """Return a query; ``hold=0`` in most, so that few wait for news."""
        self.harm = self.chance.random() < 0.5
        pairs = [("hold", "0" if self.may(0.97) else self.text())]
        names = self.chance.sample(sorted(QUERIES), self.chance.choice((0, 0, 1, 2, 4)))
        pairs += [(name, self.pick(QUERIES[name], 0.6)) for name in names]
        return "&".join(f"{name}={_quoted(value)}" for name, value in pairs)

    def headers(self, ours: bool) -> dict[str, bytes]:
        """Return headers, among them now and then forged, cross-site and overlong ones."""
        chance = self.chance
        headers = {"Accept": chance.choice((JSON, "text/html", "*/*", "")).encode()}
        if ours:
            headers["X-Fewshot"] = b"1"
        odd = {
            "Origin": ("http://evil.test", "null", "http://localhost", "http://[", "\x7f", ""),
            "Sec-Fetch-Site": ("cross-site", "same-site", "same-origin", "none", "?"),
            "Sec-Fetch-Mode": ("navigate", "no-cors", ""),
            "Sec-Fetch-Dest": ("document", "iframe", "image"),
            "Host": ("evil.test", "localhost:99999", "[::1", "127.0.0.1", "a" * 500, ""),
            "X-Fewshot-Visitor": ("Anna", "%ff", ""),
            "X-Fewshot-Session": ("0", "x" * 5000),
            "X-Forwarded-User": ("Anna", "\xff"),
            "X-Forwarded-Host": ("evil.test", "localhost"),
            "X-Forwarded-For": ("127.0.0.1", "::", "x" * 2000),
            "Accept-Encoding": ("gzip", "br;q=9", "identity;q=0"),
            "Range": ("bytes=0-1", "bytes=-1", "bytes=9-1", "lines=1"),
            "If-None-Match": ("*", '"x"'),
            "If-Modified-Since": ("yesterday", "Thu, 01 Jan 1970 00:00:00 GMT"),
            "Content-Encoding": ("gzip", "x"),
            "Cookie": ("fewshot_session=0", "fewshot_session", ";;=;\xff", "a=" + "b" * 9000),
            "X-HTTP-Method-Override": ("DELETE",),
        }  # fmt: skip
        if chance.random() < 0.2:
            for name in chance.sample(sorted(odd), chance.choice((1, 1, 2, 5))):
                headers[name] = chance.choice(odd[name]).encode("latin-1")
        return headers

    def body(self, route: Route, who: str | None) -> tuple[bytes, str]:
        """Return a body and its type: of the route's schema, near it, or of none."""
        schema = schema_of(route)
        dice = self.chance.random()
        self.harm = dice > 0.4
        self.author = who or self.chance.choice(self.names)
        if schema and dice < 0.8:
            value = self.value(schema, schema.get("$defs", {}))
            if isinstance(value, dict) and "actions" in value:
                value["actions"] = [self.action() for _ in range(self.chance.choice((0, 1, 1, 3)))]
            return self.as_json(value), JSON if not self.harm else self.chance.choice(TYPES)
        if not schema and dice < 0.8:
            fields = ("name", "password", "again", "token", "next", self.text())
            pairs = [(key, self.pick((*self.names, "/label", "x" * 12), 0.5)) for key in fields]
            text = "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in pairs)
            return text.encode(), TYPES[3]
        return self.rubbish(), self.chance.choice(TYPES)

    def action(self) -> dict[str, Any]:
        """Return an action as the label page sends it, or one of its schema."""
        from fewshot_lab.web.bodies import ACTION

        schema = ACTION.json_schema()
        value: dict[str, Any] = self.value(schema, schema.get("$defs", {}))
        if isinstance(value, dict) and not self.harm:
            # Lists as long as the images are many, and a class where one is named.
            value = {key: part for key, part in value.items() if key not in ("shown", "class_of")}
            if value.get("kind") == "class":
                value["class_id"] = self.chance.choice(self.class_ids)
        return value

    def value(self, schema: dict[str, Any], named: dict[str, Any], name: str = "") -> Any:
        """Return a value of a schema; one in twelve parts of it is another."""
        if self.harm and self.may(0.08):
            return self.anything()
        if "$ref" in schema:
            return self.value(named[schema["$ref"].split("/")[-1]], named, name)
        for word in ("anyOf", "oneOf", "enum"):
            if word in schema:
                sound = [each for each in schema[word] if each != {"type": "null"}]
                chosen = self.chance.choice(schema[word] if self.harm else sound)
                return chosen if word == "enum" else self.value(chosen, named, name)
        if "const" in schema:
            return schema["const"]
        match schema.get("type"):
            case "object":
                made = {
                    key: self.value(part, named, key)
                    for key, part in schema.get("properties", {}).items()
                    if key in schema.get("required", ()) or self.may(0.5 if self.harm else 0.95)
                }
                return made | (
                    {self.text(): self.anything()} if self.harm and self.may(0.05) else {}
                )
            case "array":
                parts = schema.get("prefixItems") or [schema.get("items", {})] * self.chance.choice(
                    (0, 1, 2, 3)
                )
                return [self.value(part, named, name) for part in parts]
            case "string":
                return self.word(name)
            case "integer":
                return self.pick(
                    (*self.class_ids, 50) if name != "q" else (self.chance.randrange(10**9),),
                    0.2,
                    NUMBERS,
                )
            case "number":
                return self.pick((0.0, 0.25, 1.0), 0.3, NUMBERS)
            case "boolean":
                return self.may(0.5)
        return None

    def word(self, name: str) -> Any:
        """Return a text for a field of this name."""
        if name == "images":
            some = self.chance.sample(self.image_ids, self.chance.choice((1, 1, 2, 5)))
            return self.pick(("".join(some),), 0.15)
        if name == "annotator":
            return self.pick((self.author,), 0.15)
        if name == "color":
            return self.pick(("#aabbcc", "#102030"), 0.5)
        # What is free text is hostile in a body that is sound, too.
        return self.text() if self.may(0.5) else f"c{self.chance.random()}"

    def anything(self, depth: int = 0) -> Any:
        """Return any value of JSON, and some that JSON has not."""
        dice = self.chance.random()
        if dice < 0.3 or depth > 3:
            return self.chance.choice(NUMBERS)
        if dice < 0.6:
            return self.text()
        if dice < 0.7:
            return self.chance.choice((None, True, False))
        many = range(self.chance.choice((0, 1, 3, 40) if depth < 2 else (0, 1)))
        if dice < 0.85:
            return [self.anything(depth + 1) for _ in many]
        return {f"{self.text()}{n}": self.anything(depth + 1) for n in many}

    def as_json(self, value: Any) -> bytes:
        """Return JSON, here and there damaged or in another encoding."""
        text = json.dumps(value).replace("Infinity", self.chance.choice(("Infinity", "1e999")))
        dice = self.chance.random()
        if not self.harm or dice < 0.9:
            return text.encode()
        if dice < 0.93:
            return text[: self.chance.randrange(len(text) + 1)].encode()
        if dice < 0.96:
            return text.encode(self.chance.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7")))
        at = self.chance.randrange(len(text) + 1)
        return text[:at].encode() + self.chance.randbytes(3) + text[at:].encode()

    def rubbish(self) -> bytes:
        """Return bytes that are no body of any route."""
        chance = self.chance
        deep = chance.choice((b"[", b'{"a":')) * chance.choice((100, 2000, 100_000))
        made: list[bytes] = [
            *(b"", b"null", b"0", b'""', b"[]", b"{}", b'{"annotator":"x","annotator":"y"}', deep),
            *(b'{"annotator":"k","actions":' + b"[" * 5000 + b"]" * 5000 + b"}", b"9" * 5000),
            *(chance.randbytes(200), gzip.compress(b"{}"), b" " * 200_000, b"\xef\xbb\xbf{}"),
            *(b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--", b"%" * 9000),
            *(self.as_json(self.anything()), chance.choice(string.printable).encode() * 90),
        ]  # fmt: skip
        return chance.choice(made)

    def text(self) -> str:
        """Return a text that somebody might send to do harm."""
        return self.chance.choice(TEXTS)

    def pick(self, fitting: Iterable[Any], odd: float, others: Iterable[Any] = TEXTS) -> Any:
        """Return one that fits, or with this probability another."""
        return self.chance.choice(list(others if self.harm and self.may(odd) else fitting))

    def may(self, probability: float) -> bool:
        """Throw a dice."""
        return self.chance.random() < probability


def schema_of(route: Route) -> dict[str, Any] | None:
    """Return the schema of the bodies that a route takes; None where it takes no JSON."""
    inside = inspect.getclosurevars(route.endpoint).nonlocals.get("answered")
    body = inspect.getclosurevars(inside).nonlocals.get("body") if inside else None
    return dict(body.model_json_schema()) if body else None


def _quoted(text: object) -> str:
    return quote(str(text), safe="", errors="surrogatepass")
