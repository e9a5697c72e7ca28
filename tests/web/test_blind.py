"""What is hidden from an annotator is not in any answer of the server's."""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fewshot_lab.live import AUDIT, FIRST_CLASS, KIND_MASK, NO_CLASS, UNLIKE, forget
from fewshot_lab.live.blinding import value_without_folders
from fewshot_lab.project import Project
from fewshot_lab.project.probabilities import keep_settings
from fewshot_lab.web import api_url, routes, unpack

pytestmark = pytest.mark.slow


@pytest.fixture
def project(template: Path, home: Path) -> Iterator[Project]:
    shutil.copytree(template, home / "cells")
    opened = Project.open("cells")
    opened.labels.add({row.id: row.reference for row in opened.store.images()[::2]}, "kim")
    # So many are flagged that some are in whatever order the classes were dealt.
    keep_settings(opened, {"unlike_share": 0.3})
    yield opened
    forget("cells")


class Eyes:
    """One annotator's browser."""

    def __init__(self, annotator: str):
        self.annotator = annotator
        self.client = TestClient(Starlette(routes=routes()))
        self.api = api_url("cells")

    def get(self, path: str, **query: Any) -> Any:
        asked = {**query, "annotator": self.annotator}
        return self.client.get(f"{self.api}/{path}", params=asked)

    def look(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        for _ in range(200):
            head, arrays = unpack(self.get("live", hold=0.3).content)
            if head["model"]["class_ids"]:
                return head, arrays
        raise AssertionError(head["model"]["message"])

    def label(self, image_id: str, class_id: int, **more: Any) -> dict[str, Any]:
        action = {
            "client": uuid.uuid4().hex, "q": 1, "do": "label", "kind": "class",
            "class_id": class_id, "images": image_id, "view": "suggestion", **more,
        }  # fmt: skip
        body = {"annotator": self.annotator, "actions": [action]}
        answer = self.client.post(f"{self.api}/actions", json=body, headers={"X-Fewshot": "1"})
        return answer.json()["acks"][0]

    def tell_apart(self, *classes: int) -> Any:
        body = {"annotator": self.annotator, "classes": list(classes) or None}
        headers = {"X-Fewshot": "1"}
        return self.client.post(f"{self.api}/pair", json=body, headers=headers)


def ids_of(project: Project) -> list[str]:
    return project.store.ids()


def test_a_pair_to_tell_apart_is_the_annotators_own(project: Project) -> None:
    kim, bo = Eyes("kim"), Eyes("bo")
    pair = list(kim.look()[0]["model"]["class_ids"][:2])
    assert bo.tell_apart(*pair).json() == {"pair": pair}
    until(lambda: bo.look()[0]["model"]["pair"] == pair)
    assert kim.look()[0]["model"]["pair"] is None
    assert "two different" in bo.tell_apart(pair[0], pair[0]).json()["error"]
    assert bo.tell_apart(pair[0]).status_code == 400
    bo.tell_apart()
    until(lambda: bo.look()[0]["model"]["pair"] is None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("train/melanoma/a.png", "a.png"),
        ("D:\\melanoma\\a.png", "a.png"), ("train/melanoma", None),
        ("melanoma\\", None), ("a.png", "a.png"), ("2021/03/04", "2021/03/04"), (61.0, 61.0),
    ],
)  # fmt: skip
def test_of_a_path_in_a_column_whoever_is_blind_sees_the_files_name_alone(
    value: str | float, shown: str | float | None
) -> None:
    assert value_without_folders(value) == shown


def until(wanted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not wanted():
        assert time.monotonic() < deadline


def test_blind_mode_is_kept_by_the_server(project: Project) -> None:
    ids = ids_of(project)
    _, open_arrays = Eyes("bo").look()
    assert (open_arrays["predicted"] != NO_CLASS).any()
    assert unpack(Eyes("bo").get("column", name="@annotator").content)[1]["values"].any()
    until(lambda: (Eyes("bo").look()[1]["predicted"] == UNLIKE).any())
    project.team.agree("lead", blind=1.0)
    bo = Eyes("bo")
    head, arrays = bo.look()
    audit = arrays["codes"] & AUDIT
    assert (arrays["codes"] == audit).all()  # kim's 32 labels are not there
    assert (arrays["predicted"] == NO_CLASS).all() and not arrays["confidence"].any()
    assert not arrays["doubt"].any()
    model = head["model"]
    assert model["suspects"] == [] and not any(model["cv"]["cells"].values())
    assert all(s["classes"] == [] and s["strategy"] is None for s in model["suggestions"])
    assert {s["reason"] for s in model["suggestions"] if not s["audit"]} == {""}
    assert head["overview"]["history"] == []
    assert head["overview"]["blind"]  # no class is named on the map
    assert bo.get("history").json()["rows"] == []
    kims = ids[0]
    facts = bo.get(f"image/{kims}").json()
    assert facts["annotator"] is facts["labelled_at"] is facts["reference"] is None
    assert facts["opinions"] == []
    assert "/" not in facts["path"]  # the folder has the name of the class
    assert bo.get("labels.csv").text.count("\n") == 1  # the head alone
    near = bo.get(f"image/{ids[1]}/neighbours", k=200, unlabelled=1).json()["ids"]
    assert kims in near  # that it has a label is nothing bo may learn
    assert bo.get(f"image/{ids[1]}/neighbours").json()["classes_hidden"]
    column = unpack(bo.get("column", name="@reference").content)[0]
    assert column["names"] == []
    piles = bo.get("piles").json()
    assert piles["piles"] == [] and "blind" in piles["blind"]
    assert not bo.get("search", text=f"{project.store.image(kims).reference}/").json()["ids"]
    head, arrays = unpack(bo.get("column", name="@annotator").content)
    assert not arrays["values"].any(), head["names"]
    # Images between two classes would give away what is predicted.
    assert "blind" in bo.tell_apart(0, 1).json()["error"]
    # Somebody who does not say who they are sees no more.
    nobody = Eyes("")
    assert (nobody.look()[1]["predicted"] == NO_CLASS).all()


def test_ones_own_label_lifts_the_veil_of_that_image(project: Project) -> None:
    ids = ids_of(project)
    kims = next(i for i in ids[::2] if i not in project.store.audit_ids())
    label = project.store.labels()[kims]
    other = next(row.id for row in project.store.classes() if row.id != label.class_id)
    project.team.agree("lead", blind=1.0, rule="majority")
    bo = Eyes("bo")
    bo.look()
    assert "error" not in bo.label(kims, other)
    event = project.store.events()[-1]
    assert event.apart and event.concealed is not None and event.shown is None
    _, arrays = bo.look()
    row = ids.index(kims)
    assert arrays["codes"][row] & KIND_MASK == FIRST_CLASS + other
    assert arrays["predicted"][row] != NO_CLASS
    others = np.delete(arrays["predicted"], row)
    assert (others == NO_CLASS).all()
    head, columns = unpack(bo.get("column", name="@annotator").content)
    assert sorted(head["names"]) == ["bo", "kim"]
    assert np.flatnonzero(columns["values"]).tolist() == [row]
    head, columns = unpack(bo.get("column", name="@flag").content)
    differ = columns["values"] >> head["names"].index("differ") & 1
    assert np.flatnonzero(differ).tolist() == [row]
    facts = bo.get(f"image/{kims}").json()
    assert {o["annotator"]: o["class_id"] for o in facts["opinions"]} == {
        "kim": label.class_id, "bo": other,
    }  # fmt: skip
    # Kim sees her own labels, none of bo's, and what both said of that image.
    _, hers = Eyes("kim").look()
    assert hers["codes"][row] & KIND_MASK == FIRST_CLASS + label.class_id
    assert ((hers["codes"] & KIND_MASK) >= FIRST_CLASS).sum() == 32
    assert kims not in project.store.labels()  # one against one: it waits


def test_conflicts_are_for_seniors(project: Project) -> None:
    ids = ids_of(project)
    label = project.store.labels()[ids[0]]
    other = next(row.id for row in project.store.classes() if row.id != label.class_id)
    project.team.agree("lead", blind=1.0, rule="majority")
    assert "No senior is named" in Eyes("bo").get("disagreement", what="conflicts").json()["error"]
    project.team.agree("lead", seniors=("ann",))
    Eyes("bo").label(ids[0], other)
    refused = Eyes("bo").get("disagreement", what="conflicts")
    assert refused.status_code == 400 and refused.json()["error"].endswith("differ: ann.")
    for eyes, seen in ((Eyes("eve"), 0), (Eyes("ann"), 1)):
        head, columns = unpack(eyes.get("column", name="@flag").content)
        assert (columns["values"] >> head["names"].index("differ") & 1).sum() == seen
    ann = Eyes("ann")
    assert ann.look()[0]["overview"]["conflicts"] == 1
    found = ann.get("disagreement", what="conflicts").json()
    assert found["ids"] == [ids[0]] and len(found["opinions"][ids[0]]) == 2
    cell = {"what": "cell", "row": label.class_id, "column": other, "a": "kim", "b": "bo"}
    assert ann.get("disagreement", **cell).json()["ids"] == [ids[0]]
    assert Eyes("eve").get("disagreement", **cell).json()["ids"] == []
    assert Eyes("kim").get("disagreement", **cell).json()["ids"] == [ids[0]]
    assert "error" in Eyes("bo").label(ids[0], other, view="adjudication")
    ann.label(ids[0], other, view="adjudication")
    assert project.store.labels()[ids[0]].class_id == other
    assert ann.look()[0]["overview"]["conflicts"] == 0


def test_a_share_a_second_reader_and_repeats(project: Project) -> None:
    ids = ids_of(project)
    project.team.agree("lead", annotators=("kim", "bo"), split=True, double=1.0)
    seen, _ = Eyes("bo").look()
    listed = [s["id"] for s in seen["model"]["suggestions"]]
    waiting = [s for s in seen["model"]["suggestions"] if s["strategy"] == "several"]
    assert waiting and all(s["id"] in ids[::2] for s in waiting)  # kim has labelled them
    assert len(set(listed)) == len(listed)
    project.team.agree("lead", double=0.0)
    mine = project.team.assignment.assigned(project.store.team(), "bo", ids)
    seen, _ = Eyes("bo").look()
    assert all(mine[ids.index(s["id"])] for s in seen["model"]["suggestions"])
    project.team.agree("lead", split=False, repeats=1.0)
    kim = Eyes("kim")
    for image_id in ids[1:9:2]:
        kim.label(image_id, project.store.classes()[0].id)
    head, arrays = kim.look()
    again = [s["id"] for s in head["model"]["suggestions"] if s["id"] in ids[::2]]
    assert again
    row = ids.index(again[0])
    assert not arrays["codes"][row] & KIND_MASK  # unmarked
    assert len({(s["strategy"], s["reason"]) for s in head["model"]["suggestions"]}) <= 2
    kim.label(again[0], project.store.classes()[0].id)
    event = project.store.events()[-1]
    assert event.repeats is not None and event.strategy == "repeat"
    assert kim.look()[1]["codes"][row] & KIND_MASK >= FIRST_CLASS
