"""The label page's routes, as a browser uses them, on a small project of drawn cells."""

import csv
import json
import shutil
import time
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fewshot_lab import jobs
from fewshot_lab.backbones import EMBEDDED
from fewshot_lab.live import (
    AUDIT,
    FIRST_CLASS,
    KIND_MASK,
    MACHINE,
    NO_CLASS,
    UNLIKE,
    forget,
    label_codes,
)
from fewshot_lab.project import Project, remember
from fewshot_lab.web import api_url, plotly_url, routes, unpack, workspace_url

OURS = {"X-Fewshot": "1"}
CLIENT = "test"


@pytest.fixture
def project(template: Path, home: Path) -> Iterator[Project]:
    shutil.copytree(template, home / "cells")
    yield Project.open("cells")
    forget("cells")


@pytest.fixture
def client(project: Project) -> TestClient:
    return TestClient(Starlette(routes=routes()))


class Browser:
    """The bookkeeping of the page, in a few lines: what it has, and what it asks for."""

    def __init__(self, client: TestClient):
        self.client = client
        self.api = api_url("cells")
        self.have: dict[str, Any] = {}
        self.codes = np.zeros(0, np.uint16)
        self.arrays: dict[str, np.ndarray] = {}
        self.head: dict[str, Any] = {}
        self.ids: list[str] = []
        self.bytes = 0
        self.q = 0

    def listen(self, hold: float = 0) -> dict[str, Any]:
        answer = self.client.get(f"{self.api}/live", params={**self.have, "hold": hold})
        assert answer.status_code == 200
        self.bytes = len(answer.content)
        head, arrays = unpack(answer.content)
        if "images" in head:
            text = arrays["ids"].tobytes().hex()
            self.ids += [text[at : at + 20] for at in range(0, len(text), 20)]
            self.have["images"] = head["images"]["n"]
        if "map" in head:
            self.have["map"] = head["map"]["version"]
        if "labels" in head:
            if "codes" in arrays:
                self.codes = arrays["codes"].copy()
            else:
                assert head["labels"]["from"] == self.have["labels"]
                self.codes[arrays["changed_rows"]] = arrays["changed_codes"]
            self.have["labels"] = head["labels"]["version"]
        if "rev" in head:
            self.have["rev"] = head["rev"]
        if "overview" in head:
            self.have["overview"] = head["overview"]["stamp"]
        self.arrays |= arrays
        self.head |= head
        return head

    def listen_until(self, wanted) -> None:  # type: ignore[no-untyped-def]
        deadline = time.monotonic() + 60
        while not wanted(self.head):
            assert time.monotonic() < deadline, self.head.get("model")
            self.listen(0.5)

    def send(self, *actions: dict[str, Any], headers: dict[str, str] = OURS) -> Any:
        body = {"annotator": "kim", "actions": [{"client": CLIENT, **a} for a in actions]}
        return self.client.post(f"{self.api}/actions", json=body, headers=headers)

    def label(self, ids: list[str], class_id: int | None, **more: Any) -> dict[str, Any]:
        self.q += 1
        return {
            "q": self.q, "do": "label", "kind": "class", "class_id": class_id,
            "images": "".join(ids), "view": "grid", **more,
        }  # fmt: skip

    def change(self, **change: Any) -> Any:
        self.q += 1
        body = {"annotator": "kim", "client": CLIENT, "q": self.q, **change}
        return self.client.post(f"{self.api}/classes", json=body, headers=OURS)


@pytest.fixture
def page(client: TestClient) -> Browser:
    browser = Browser(client)
    browser.listen_until(lambda head: "model" in head and head["model"]["suggestions"])
    return browser


def by_type(project: Project) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in project.store.images():
        found.setdefault(str(row.reference), []).append(row.id)
    return found


def test_the_first_answer_holds_all_that_the_page_shows(page: Browser, project: Project) -> None:
    assert page.ids == project.store.ids()
    xy = page.arrays["xy"].reshape(-1, 2)
    assert xy.dtype == np.float32
    assert np.isfinite(xy).all()
    assert page.head["overview"]["reference_names"] == sorted(by_type(project))
    assert len(page.head["model"]["suggestions"]) > 4


def test_nothing_new_is_a_few_bytes(page: Browser) -> None:
    page.listen(1.0)
    while not page.listen().get("same"):
        pass
    assert page.bytes < 100


def test_labels_are_stored_and_come_back_as_a_difference(page: Browser, project: Project) -> None:
    lymphocyte = page.change(do="add", name="lymphocyte").json()["id"]
    ids = page.ids[3:6]
    shown = [[None, lymphocyte, None], [None, 0.75, None]]
    answer = page.send(
        page.label(ids, lymphocyte, view="suggestion", strategy="margin", spent_ms=812, shown=shown)
    ).json()
    assert answer["acks"] == [{"client": CLIENT, "q": page.q, "position": answer["position"]}]

    head = page.listen()
    assert "images" not in head
    assert set((page.codes[3:6] & KIND_MASK).tolist()) == {FIRST_CLASS + lymphocyte}
    assert (page.codes & KIND_MASK != 0).sum() == 3

    event = next(e for e in project.store.events() if e.image_id == ids[1])
    assert (event.view, event.strategy, event.spent_ms) == ("suggestion", "margin", 812)
    assert event.shown == (lymphocyte, 0.75)
    assert event.annotator == "kim"


def test_a_resent_action_changes_nothing_and_gets_the_same_answer(
    page: Browser, project: Project
) -> None:
    class_id = page.change(do="add", name="platelet").json()["id"]
    action = page.label(page.ids[:2], class_id)
    first, again = page.send(action).json(), page.send(action).json()
    assert first == again
    assert len(project.store.events()) == 2


def test_an_action_that_cannot_be_stored_does_not_hold_up_the_next(
    page: Browser, project: Project
) -> None:
    class_id = page.change(do="add", name="platelet").json()["id"]
    bad, good = page.label(page.ids[:1], 99), page.label(page.ids[1:2], class_id)
    first, second = page.send(bad, good).json()["acks"]
    assert "error" in first
    assert "error" not in second
    assert list(project.store.labels()) == [page.ids[1]]


def test_a_key_on_a_pile_leaves_an_audit_image_out_and_says_so(
    page: Browser, project: Project
) -> None:
    audit = project.store.audit_ids()
    others = [image_id for image_id in page.ids if image_id not in audit][:2]
    class_id = page.change(do="add", name="one").json()["id"]
    pile = page.label([*others, next(iter(audit))], class_id, view="pile")
    ack = page.send(pile).json()["acks"][0]
    assert ack["left_out"] == "2 of 3 labelled; 1 was drawn for the audit."
    assert set(project.store.labels()) == set(others)


def test_undo_and_redo_go_through_the_same_door(page: Browser, project: Project) -> None:
    class_id = page.change(do="add", name="platelet").json()["id"]
    page.send(page.label(page.ids[:5], class_id))
    page.q += 1
    ack = page.send({"q": page.q, "do": "undo"}).json()["acks"][0]
    assert "platelet" in ack["sentence"]
    assert project.store.labels() == {}
    page.q += 1
    page.send({"q": page.q, "do": "redo"})
    assert len(project.store.labels()) == 5
    page.listen()
    assert (page.codes[:5] & KIND_MASK == FIRST_CLASS + class_id).all()


def test_accepted_predictions_are_one_action_of_many_classes(
    page: Browser, project: Project
) -> None:
    a = page.change(do="add", name="a").json()["id"]
    b = page.change(do="add", name="b").json()["id"]
    action = page.label(
        page.ids[:3], None, class_of=[a, b, a], machine=True, view="accept"
    )  # fmt: skip
    assert "error" not in page.send(action).json()["acks"][0]
    page.listen()
    assert (page.codes[:3] & MACHINE != 0).all()
    assert [label.class_id for label in project.store.labels_of(page.ids[:3]).values()] == [a, b, a]
    page.q += 1
    page.send({"q": page.q, "do": "undo"})
    assert project.store.labels() == {}


def test_label_codes_are_those_that_the_browser_reads(page: Browser, project: Project) -> None:
    contract = json.loads((Path(__file__).parent / "label_codes.json").read_text())
    assert {name: getattr(label_codes, name) for name in contract["bits"]} == contract["bits"]
    assert (contract["no_class"], contract["unlike"]) == (NO_CLASS, UNLIKE)
    assert page.change(do="add", name="platelet").json()["id"] == 1
    project.store.set("audit_share", 0.0)  # nothing further is drawn while the test looks
    project.audit.draw(10)
    drawn = project.store.audit_ids()
    images = {
        audit: iter([i for i in page.ids if (i in drawn) is audit]) for audit in (True, False)
    }
    rows = []
    for case in contract["cases"]:
        image = next(images[case["audit"]])
        rows.append(page.ids.index(image))
        page.send(*(page.label([image], **action) for action in case["actions"]))
    page.listen()
    assert page.codes[rows].tolist() == [case["code"] for case in contract["cases"]]


def test_a_refit_sends_a_few_bytes_for_each_image_and_no_coordinates(
    page: Browser, project: Project
) -> None:
    for name, ids in list(by_type(project).items())[:3]:
        class_id = page.change(do="add", name=name).json()["id"]
        page.send(page.label(ids[:4], class_id))
    page.listen_until(lambda head: head["model"]["class_ids"])
    page.arrays.clear()
    page.send(page.label(by_type(project)[name][4:5], class_id))
    position = project.store.position()
    page.listen_until(lambda head: head["model"]["position"] >= position)
    assert "xy" not in page.arrays
    assert "ids" not in page.arrays
    n = len(page.ids)
    scores = {k: page.arrays[k].nbytes for k in ("predicted", "confidence", "doubt")}
    assert sum(scores.values()) == 4 * n
    model = page.head["model"]
    cv = model["cv"]
    assert len(cv["confusion"]) == 3
    counted = {
        f"{a},{b}": n
        for a, line in zip(cv["class_ids"], cv["confusion"], strict=True)
        for b, n in zip(cv["class_ids"], line, strict=True)
        if n
    }
    assert counted == {cell: len(ids) for cell, ids in cv["cells"].items()}
    assert {i for ids in cv["cells"].values() for i in ids} <= set(page.ids)


def test_an_audit_image_shows_no_prediction_before_it_is_labelled(
    page: Browser, project: Project
) -> None:
    types = by_type(project)
    audit = project.store.audit_ids()
    assert audit
    for name, ids in list(types.items())[:2]:
        class_id = page.change(do="add", name=name).json()["id"]
        page.send(page.label([i for i in ids if i not in audit][:5], class_id))
    page.listen_until(lambda head: head["model"]["class_ids"])
    drawn = page.codes & AUDIT != 0
    unlabelled = page.codes & KIND_MASK == 0
    assert (drawn & unlabelled).any()
    assert (page.arrays["predicted"][drawn & unlabelled] == NO_CLASS).all()
    assert (page.arrays["confidence"][drawn & unlabelled] == 0).all()
    assert (page.arrays["predicted"][~drawn] != NO_CLASS).all()


def test_classes_are_added_renamed_merged_retired_and_restored(page: Browser) -> None:
    a = page.change(do="add", name="a").json()["id"]
    b = page.change(do="add", name="b").json()["id"]
    page.change(do="rename", id=a, name="alpha")
    page.change(do="recolour", id=a, color="#123456")
    classes = page.change(do="reorder", ids=[b, a]).json()["classes"]
    assert [c["name"] for c in classes] == ["b", "alpha"]
    assert classes[1]["color"].lower() == "#123456"
    classes = {c["id"]: c for c in page.change(do="merge", id=b, into=a).json()["classes"]}
    # It has left the list, and with it its key.
    assert (classes[b]["retired"], classes[b]["merged_into"]) == (True, a)
    assert not classes[a]["retired"]
    classes = {c["id"]: c for c in page.change(do="retire", id=a).json()["classes"]}
    assert classes[a]["retired"]
    classes = {c["id"]: c for c in page.change(do="restore", id=a).json()["classes"]}
    assert not classes[a]["retired"]
    answer = page.change(do="rename", id=a, name="")
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_history_names_the_last_actions_and_gives_the_labels_of_then(
    page: Browser, client: TestClient
) -> None:
    class_id = page.change(do="add", name="platelet").json()["id"]
    page.send(page.label(page.ids[:1], class_id, view="suggestion", strategy="audit"))
    page.send(page.label(page.ids[1:3], class_id, view="suggestion", strategy="margin"))
    rows = client.get(f"{page.api}/history").json()["rows"]
    assert [row["n"] for row in rows[:2]] == [2, 1]
    assert [row["view"] for row in rows[:2]] == ["suggestion", "audit"]
    answer = client.get(f"{page.api}/labels.csv", params={"at": rows[1]["id"]})
    assert "attachment" in answer.headers["content-disposition"]
    then = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["image"] for row in then] == page.ids[:1]
    assert then[0]["label"] == "platelet"
    assert then[0]["log"].startswith(f"{rows[1]['id']}:")


def test_pictures_are_served_for_ever_and_only_by_id(page: Browser, client: TestClient) -> None:
    thumb = client.get(f"{page.api}/thumb/{page.ids[0]}.webp")
    assert "immutable" in thumb.headers["cache-control"]
    assert max(Image.open(BytesIO(thumb.content)).size) <= 256
    picture = client.get(f"{page.api}/picture/{page.ids[0]}")
    assert Image.open(BytesIO(picture.content)).size == (144, 144)
    for wrong in ("..%2f..%2fproject.sqlite", "zz", "0" * 20):
        assert client.get(f"{page.api}/thumb/{wrong}.webp").status_code in (400, 404)


def test_grey_values_are_those_of_the_file_and_nothing_else_of_it(
    page: Browser, client: TestClient, project: Project, tmp_path: Path
) -> None:
    stored = np.arange(12, dtype=np.uint16).reshape(3, 4) * 300
    Image.fromarray(stored).save(tmp_path / "deep.png", pnginfo=_note("Jane Doe"))
    project.import_images(tmp_path)
    deep = project.store.search("deep.png", limit=1)[0]
    answer = client.get(f"{page.api}/grey/{deep}")
    head, arrays = unpack(answer.content)
    assert (head["slope"] * arrays["pixels"] + head["intercept"] == stored.ravel()).all()
    assert (head["width"], head["height"], head["low"], head["high"]) == (4, 3, 0, 3300)
    assert head["windows"] == [[2048, 4096, "LINEAR"]]
    assert b"Jane" not in answer.content
    assert unpack(client.get(f"{page.api}/grey/{page.ids[0]}").content) == ({"grey": False}, {})
    file, _ = project.file_of(deep)
    file.write_bytes(file.read_bytes()[:60])
    damaged = client.get(f"{page.api}/grey/{deep}")
    file.unlink()
    gone = client.get(f"{page.api}/grey/{deep}")
    assert damaged.status_code == gone.status_code == 400
    assert damaged.json()["error"].startswith(
        "The file is damaged or truncated: it begins like PNG"
    )
    assert gone.json()["error"] == "The file is not there."
    assert client.get(f"{page.api}/grey/zz").status_code == 400


def _note(text: str) -> PngInfo:
    info = PngInfo()
    info.add_text("Comment", text)
    return info


def test_facts_neighbours_search_and_columns(
    page: Browser, client: TestClient, project: Project
) -> None:
    # What an audit image is stays hidden, and which images these are is chance.
    audit = project.store.audit_ids()
    one = next(i for i in page.ids if i not in audit)
    facts = client.get(f"{page.api}/image/{one}").json()
    assert facts["width"] == 144
    assert facts["reference"]
    for hidden in audit:
        assert client.get(f"{page.api}/image/{hidden}").json()["reference"] is None
    near = client.get(f"{page.api}/image/{one}/neighbours", params={"k": 5}).json()
    assert len(near["ids"]) == 5
    assert near["similarity"] == sorted(near["similarity"], reverse=True)
    assert not near["classes_hidden"]
    named = client.get(f"{page.api}/names", params={"images": one + "0" * 20}).json()["names"]
    assert named == {one: facts["path"].split("/")[-1]}
    name = Path(facts["path"]).stem
    assert one in client.get(f"{page.api}/search", params={"text": name}).json()["ids"]
    answer = client.get(f"{page.api}/column", params={"name": "@reference"})
    head, arrays = unpack(answer.content)
    names = [*head["names"], None]
    shown = [names[min(place, len(head["names"]))] for place in arrays["values"]]
    assert shown == [None if row.id in audit else row.reference for row in project.store.images()]
    # Nor does the folder's name find one; its own name does.
    folder = {"text": f"{project.store.image(next(iter(audit))).reference}/"}
    assert not audit & set(client.get(f"{page.api}/search", params=folder).json()["ids"])
    # What its neighbours are would tell what an audit image is, until it has a label.
    hidden = next(iter(audit))
    near = f"{page.api}/image/{hidden}/neighbours"
    assert client.get(near).json()["classes_hidden"]
    project.labels.add({hidden: project.store.image(hidden).reference}, "kim")
    assert not client.get(near).json()["classes_hidden"]
    for hidden in audit:
        own = {"text": Path(project.store.image(hidden).path).name}
        assert hidden in client.get(f"{page.api}/search", params=own).json()["ids"]
    assert client.get(f"{page.api}/column", params={"name": "nothing"}).status_code == 400


def test_who_labelled_what_and_what_is_marked(
    page: Browser, client: TestClient, project: Project
) -> None:
    types = by_type(project)
    chosen = {i: name for name in sorted(types) for i in types[name][:4]}
    project.labels.add(chosen, "kim")
    one, other = sorted(types)[:2]
    project.labels.add({types[one][0]: other, types[one][1]: one}, "bo")

    def sets(name: str) -> dict[str, set[str]]:
        answer = client.get(f"{page.api}/column", params={"name": name})
        head, arrays = unpack(answer.content)
        bits = arrays["values"]
        return {
            text: {page.ids[row] for row in np.flatnonzero(bits & (1 << at))}
            for at, text in enumerate(head["names"])
        }

    assert sets("@annotator") == {"bo": {*types[one][:2]}, "kim": set(chosen)}
    flags = sets("@flag")
    assert flags["differ"] == {types[one][0]}
    assert {"near", "copy"} <= flags.keys()


def test_views_are_saved_for_everybody(page: Browser, client: TestClient) -> None:
    def change(annotator: str = "kim", **change: str) -> Any:
        body = {"annotator": annotator, **change}
        return client.post(f"{page.api}/views", json=body, headers=OURS)

    assert change(do="save", name=" Old  cases ", state="from.age=70").status_code == 200
    answer = change("bo", do="save", name="doubtful", state="is.%40flag=suspect").json()
    assert [view["name"] for view in answer["views"]] == ["doubtful", "Old cases"]
    taken = change(do="save", name="OLD CASES", state="")
    assert taken.status_code == 400 and "already a view" in taken.json()["error"]
    assert change(do="rename", name="doubtful", new_name="Old cases").status_code == 400
    change(do="rename", name="doubtful", new_name="in doubt")
    answer = change(do="remove", name="Old cases").json()
    assert [(view["name"], view["state"]) for view in answer["views"]] == [
        ("in doubt", "is.%40flag=suspect")
    ]
    page.listen_until(lambda head: [v["name"] for v in head["overview"]["views"]] == ["in doubt"])
    for wrong in (
        {"do": "remove", "name": "nothing"}, {"do": "save", "name": " ", "state": ""},
        {"do": "save", "name": "x"}, {"do": "save", "name": "x" * 61, "state": ""},
        {"do": "save", "name": "x", "state": "x" * 8001}, {"do": "rename", "name": "in doubt"},
    ):  # fmt: skip
        refused = change(**wrong)
        assert refused.status_code == 400 and refused.json()["error"].endswith(".")


def test_only_the_apps_own_pages_may_change_something(page: Browser, project: Project) -> None:
    action = page.label(page.ids[:1], None, kind="unsure")
    for headers in (
        {},
        {**OURS, "Origin": "https://elsewhere.example"},
        {**OURS, "Sec-Fetch-Site": "cross-site"},
    ):
        assert page.send(action, headers=headers).status_code == 403
    assert project.store.labels() == {}
    assert page.send(action, headers={**OURS, "Origin": "http://testserver"}).status_code == 200
    assert len(project.store.labels()) == 1


def test_a_body_that_makes_no_sense_gets_a_sentence(page: Browser, client: TestClient) -> None:
    for body in (b"", b"[1]", json.dumps({"actions": [{}]}).encode()):
        answer = client.post(f"{page.api}/actions", content=body, headers=OURS)
        assert answer.status_code == 400
        assert answer.json()["error"].endswith(".")


def test_a_project_that_is_not_there_is_said_to_be_missing(client: TestClient) -> None:
    answer = client.get(f"{api_url('no such')}/live")
    assert answer.status_code == 400
    assert "no such" in answer.json()["error"]


def test_modules_and_plotly_are_served_for_ever(client: TestClient) -> None:
    for url in (workspace_url("main.js"), workspace_url("workspace.css"), plotly_url()):
        answer = client.get(url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    old = workspace_url("main.js").replace("/workspace/", "/workspace/0")
    assert "immutable" not in client.get(old).headers.get("cache-control", "")
    assert client.get(workspace_url("..%2f_component.py")).status_code == 404


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/projects", "/"),
        ("/map?project=blood", "/label?project=blood"),
        ("/projects/K%C3%B6ln%20%231", "/label?project=K%C3%B6ln%20%231"),
    ],
)
def test_addresses_that_people_type_lead_to_pages(
    client: TestClient, address: str, page: str
) -> None:
    answer = client.get(address, follow_redirects=False)
    assert answer.status_code == 302
    assert urljoin(f"http://localhost{address}", answer.headers["location"]) == (
        f"http://localhost{page}"
    )


@pytest.mark.slow
def test_an_offer_is_taken_given_back_and_declined(
    client: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(client)
    assert browser.listen()["overview"]["offer"] is None
    own, other = project.backbone_name, EMBEDDED[1]
    remember(
        project,
        "better_backbone",
        {
            "fingerprint": project.backbone.fingerprint, "labels": 60, "compared": 60,
            "rows": [
                {"backbone": own, "title": "Now"},
                {
                    "backbone": other, "title": "New", "gain": 0.04, "low": 0.01, "high": 0.07,
                    "missing": 64, "seconds_per_image": 0.1,
                },
            ],
            "left_out": [], "better": other, "sentence": "New is better.",
        },
    )  # fmt: skip
    began = []
    monkeypatch.setattr(jobs, "start", lambda *args: began.append(args))

    def answer(what: str, backbone: str) -> Any:
        body = {"do": what, "backbone": backbone}
        return client.post(f"{browser.api}/backbone", json=body, headers=OURS)

    assert answer("take", own).status_code == 400
    offer = answer("take", other).json()["offer"]
    assert began == [(project.folder, "prepare", ["--backbone", other])]
    assert offer["kind"] == "switch" and "+4.0 points (1.0 to 7.0)" in offer["sentence"]
    assert "takes about 36 s; labels stay" in offer["sentence"]
    assert project.backbone_name == own  # until the images are embedded
    assert answer("decline", other).json() == {"offer": None}

    project.store.set("backbone_declined", None)
    answer("take", other)
    project.embed(backbone=other)
    project.make_map()
    browser.have.pop("overview")
    offer = answer("look", other)
    assert offer.status_code == 400
    back = answer("take", own).json()["offer"]
    assert project.backbone_name == own and back is None
