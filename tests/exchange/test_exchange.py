"""Labels out to other tools' files and in again, and files that are not what they should be."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange import FORMATS, take_in, write_out
from fewshot_lab.project import Project
from fewshot_lab.store import LabelAction

NAMES = ["0.png", "day 1/ä+b & #1.png", "day 1/2.png", "day 2/2.png", "day 2/4.png"]


@pytest.fixture
def make(home: Path, tmp_path: Path) -> Callable[[str], Project]:
    """Return a maker of projects of the same five pictures."""
    for number, name in enumerate(NAMES):
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 8, 3), 40 * number, np.uint8)).save(file)

    def made(name: str) -> Project:
        project = Project.create(name, home=home)
        project.import_images(tmp_path / "images")
        return project

    return made


def opinions(project: Project) -> set[tuple[str, str, str]]:
    rows = project.store.export_opinions()
    return {(row["path"], row["annotator"], row["label"]) for row in rows}


@pytest.mark.parametrize("kind", FORMATS)
def test_out_and_in_gives_the_same_labels_and_annotators(make, tmp_path, kind) -> None:
    file = tmp_path / "labels"
    with make("here") as here, make("there") as there:
        here.labels.add(
            {NAMES[0]: "Polyp", NAMES[1]: "<healthy> & well", NAMES[2]: "unsure"}, "kim"
        )
        here.labels.add({NAMES[0]: "Pölyp 2", NAMES[3]: "reject"}, "Zoë")
        (row, *_) = (row for row in here.store.images() if row.path == NAMES[4])
        polyp = here.store.classes()[0].id
        here.store.record(
            LabelAction("c", 0, "kim", "class", polyp, [row.id], view="accept", machine=True)
        )
        written = write_out(here, file, kind)
        assert (written.images, written.labels, written.left_out) == (5, 5, 1)
        parts = [part for part in (file, *file.rglob("*")) if part.is_file()]
        log = str(here.store.log_head()).encode()
        assert any(log in part.read_bytes() for part in parts)
        noted = here.store.journal()[-1]
        assert (noted.what, noted.detail["kind"]) == ("export", kind)

        done = take_in(there, file, kind, "somebody")
        assert done.unmatched == [] and done.labelled == 5
        assert opinions(there) == {each for each in opinions(here) if each[0] != NAMES[4]}
        assert set(done.new_classes) == {row.name for row in here.store.classes()}
        stored = [row for row in here.store.export_opinions() if not row["machine"]]
        times = [row["time"] for row in stored]
        # The file itself says who said what when.
        assert sorted(opinion for *_, opinion in FORMATS[kind].read(file).opinions) == sorted(
            (row["label"], row["annotator"], row["time"]) for row in stored
        )
        assert done.times == (min(times), max(times))
        assert there.store.journal()[-1].detail["times"] == list(done.times)


def tasks(*labels: tuple[str, str], by: object = 1) -> str:
    return json.dumps(
        [
            {
                "data": {"image": image},
                "annotations": [
                    {"completed_by": by, "result": [{"value": {"choices": [label]}}]},
                    {"was_cancelled": True, "result": []},
                ],
            }
            for image, label in labels
        ]
    )


def test_images_are_known_by_what_other_tools_make_of_their_paths(make, tmp_path) -> None:
    file = tmp_path / "tasks.json"
    file.write_text(
        tasks(
            ("/data/upload/3/0a1b2c3d-4.png", "a"),
            ("s3://bucket/colon/day%201/2.png", "b"),
            ("C:\\scans\\day 2\\2.png", "c"),
            ("2.png", "d"),  # there are two
            ("day 3/0.png", "e"),
            ("day 1/4.png", "f"),  # another folder's
            ("\ud800.png", "g"),  # half a character
        )
    )
    with make("colon") as project:
        done = take_in(project, file, "label-studio", "kim")
        assert done.unmatched == ["2.png", "day 1/4.png", "?.png"]
        assert opinions(project) == {
            (NAMES[4], "kim", "a"),
            (NAMES[2], "kim", "b"),
            (NAMES[3], "kim", "c"),
            (NAMES[0], "kim", "e"),
        }


def test_at_a_terminal_unknown_images_are_listed_and_the_others_labelled(
    make, tmp_path, capsys
) -> None:
    file = tmp_path / "tasks.json"
    file.write_text(tasks(("0.png", "polyp"), ("gone.png", "new"), by={"email": "zoe@clinic"}))
    make("colon").close()
    verb = ["exchange", "in", "colon", str(file), "--as", "label-studio", "--annotator", "kim"]
    assert run(verb) == 1
    out, err = capsys.readouterr()
    assert "1 label of zoe@clinic. 1 new class: polyp." in out
    assert "1 path is not in 'colon': gone.png" in err
    assert run(["exchange", "out", "colon", str(tmp_path / "coco.json"), "--as", "coco"]) == 0
    assert "5 images, 1 label." in capsys.readouterr().out


COCO = {
    "images": [{"id": 1, "file_name": "0.png"}],
    "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
}


def coco(*annotations: dict[str, object]) -> str:
    return json.dumps(COCO | {"annotations": annotations})


WHOLE = {"id": 1, "image_id": 1, "category_id": 1}
BOX = {"id": 2, "image_id": 1, "category_id": 2, "bbox": [1, 1, 2, 2]}
IMAGE = '<annotations><image name="0.png">{}</image></annotations>'


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("label-studio", tasks(("0.png", "a"))[:-9], "not a complete JSON file"),
        ("label-studio", coco(WHOLE), "holds no tasks of Label Studio"),
        ("label-studio", tasks(("0.png", "a"), ("./0.png", "b")), "two labels to 1 of its images"),
        ("label-studio", tasks(("0.png", "a"), ("4.png", "b" * 90)), "60"),
        ("label-studio", tasks(("0.png", "a"), by={"email": "k" * 90}), "annotator's name"),
        ("coco", tasks(("0.png", "a")), "not a COCO file"),
        ("coco", coco(BOX), "no label of a whole image, only boxes"),
        ("coco", coco(WHOLE, WHOLE | {"category_id": 2}), "two labels to 1 of its images"),
        ("coco", coco(WHOLE, WHOLE | {"image_id": 7}), "names an image or a category"),
        ("cvat", coco(WHOLE), "not a complete XML file"),
        ("cvat", IMAGE.format('<tag label="a"/>')[:-5], "not a complete XML file"),
        ("cvat", "<html></html>", "not a CVAT file with images"),
        ("cvat", IMAGE.format('<box label="a"/>'), "no label of a whole image, only boxes"),
        ("cvat", "<!DOCTYPE x [<!ENTITY a 'a'>]><x>&a;</x>", "declares a document type"),
        ("cvat", "PK\x03\x04", "is a ZIP"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_in_a_sentence(
    make, tmp_path, kind, text, sentence
) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    with make("colon") as project:
        with pytest.raises(FewshotLabError, match=sentence):
            take_in(project, file, kind, "kim")
        assert project.store.classes() == [] and opinions(project) == set()


def test_boxes_beside_labels_of_images_are_counted(make, tmp_path) -> None:
    (tmp_path / "coco.json").write_text(coco(WHOLE, BOX))
    with make("colon") as project:
        done = take_in(project, tmp_path / "coco.json", "coco", "kim")
        assert (done.labelled, done.other) == (1, 1)
        assert "1 box, outline or other answer left out" in done.sentence


def test_people_whom_label_studio_does_not_name_stay_apart(make, tmp_path) -> None:
    one, two = (json.loads(tasks(("0.png", label), by=by)) for label, by in (("a", 1), ("b", 2)))
    (tmp_path / "tasks.json").write_text(json.dumps(one + two))
    with make("colon") as project:
        take_in(project, tmp_path / "tasks.json", "label-studio", "kim")
        assert opinions(project) == {
            ("0.png", "Label Studio user 1", "a"),
            ("0.png", "Label Studio user 2", "b"),
        }


def test_a_label_that_was_changed_in_label_studio_is_not_the_first_annotators(
    make, tmp_path
) -> None:
    file = tmp_path / "tasks.json"
    with make("here") as here, make("there") as there:
        here.labels.add({"0.png": "a", "day 2/4.png": "b"}, "kim")
        write_out(here, file, "label-studio")
        written = json.loads(file.read_text())
        for task in written:
            for annotation in task["annotations"]:
                del annotation["created_username"]  # as when it comes back
                annotation["completed_by"] = {"email": "zoe@clinic"}
                annotation["result"][0]["value"]["choices"] = ["b"]
        file.write_text(json.dumps(written))
        take_in(there, file, "label-studio", "somebody")
        assert opinions(there) == {("0.png", "zoe@clinic", "b"), ("day 2/4.png", "kim", "b")}
