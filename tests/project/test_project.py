"""What a script relies on when it holds a project."""

import errno
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image

from fewshot_lab import FewshotLabError, Project
from fewshot_lab.errors import NoProject
from fewshot_lab.images import ManifestColumns
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import project as project_file
from fewshot_lab.store import LabelAction


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    draw_demo(folder, n=32, seed=1)
    return folder


@pytest.fixture(scope="module")
def imported(tmp_path_factory, cells):
    with Project.create("blood", home=tmp_path_factory.mktemp("imported"), images=cells) as made:
        return made.folder


@pytest.fixture
def project(tmp_path, imported):
    shutil.copytree(imported, tmp_path / "blood")
    with Project.open("blood", home=tmp_path) as opened:
        yield opened


def test_predictions_accepted_in_bulk_neither_train_nor_measure(project):
    project.embed()
    ids = project.store.ids()
    project.labels.add(dict(zip(ids[:8], ["a", "b"] * 4, strict=True)), annotator="kim")
    a = project.store.classes()[0].id
    project.store.draw_audit(ids[8:10], pool_size=24)
    accepted = LabelAction("page", 1, "kim", "class", a, ids[8:20], "accept", machine=True)
    project.store.record(accepted)
    assert set(project.training_set().ids) == set(ids[:8])
    split = {row["image"]: row["split"] for row in project.store.export_labels()}
    assert split[ids[0]] == "train"
    assert split[ids[15]] == ""


def test_a_second_import_adds_only_what_is_new(project, cells, tmp_path):
    before = project.store.ids()
    again = project.import_images(cells)
    assert (again.added, again.refused) == (0, [])
    assert again.known == len(before)
    more = tmp_path / "more"
    draw_demo(more, n=40, seed=2)
    assert project.import_images(more).added > 0
    assert project.store.ids()[: len(before)] == before


def test_an_unknown_path_stores_nothing(project):
    with pytest.raises(FewshotLabError, match=r"1 of 2 images are not in 'blood': nowhere\.png"):
        project.labels.add({project.store.ids()[0]: "a", "nowhere.png": "b"}, annotator="kim")
    with pytest.raises(FewshotLabError, match="is 3: give the name of a class"):
        project.labels.add(
            dict(zip(project.store.ids()[:2], ["a", 3], strict=True)), annotator="kim"
        )
    assert project.store.labels() == {}
    assert project.store.classes() == []


def test_names_and_missing_projects_are_told_in_a_sentence(project, tmp_path):
    with pytest.raises(FewshotLabError, match="already a project named 'blood'"):
        Project.create("blood", home=tmp_path)
    for name in ("bone", "../up", "", "a/b", "\0", "x" * 300):  # an address names anything
        with pytest.raises(NoProject, match=r"no project named '.{0,64}'\. There are: blood"):
            Project.open(name, home=tmp_path)
    for name in ("../up", "", "a/b", ".hidden", "x" * 65):
        with pytest.raises(FewshotLabError, match="cannot be a project's name"):
            Project.create(name, home=tmp_path)


def test_what_could_not_be_made_leaves_its_name_free(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(project_file, "write_json", full)
        with pytest.raises(OSError, match="No space left"):
            Project.create("new", home=tmp_path)
    with pytest.raises(FewshotLabError, match="no backbone 'nothing'"):
        Project.create("new", home=tmp_path, backbone="nothing")
    assert not (tmp_path / "new").exists()
    Project.create("new", home=tmp_path).close()


def test_a_copied_folder_goes_by_its_own_name_until_it_gets_a_title(project, tmp_path):
    project.rename("Blood smears")
    shutil.copytree(project.folder, tmp_path / "blood – Kopie (2)")
    with_title = {info.name: info.title for info in Project.list(tmp_path)}
    assert with_title == {"blood": "Blood smears", "blood – Kopie (2)": "blood – Kopie (2)"}
    copy = Project.open("blood – Kopie (2)", home=tmp_path)
    copy.rename(" Second   reader ")
    assert (copy.title, project.title) == ("Second reader", "Blood smears")
    copy.close()


def test_an_umlaut_is_one_letter_however_a_computer_writes_it(tmp_path):
    def decomposed(text):  # as a Mac writes names
        return unicodedata.normalize("NFD", text)

    source = tmp_path / "source"
    draw_demo(source, n=8, seed=3)
    for n, file in enumerate(sorted(source.rglob("*.png"))):
        file.rename(source / decomposed(f"Läsion {n}.png"))
    rows = [f"Läsion {n}.png,{decomposed('Nävus') if n % 2 else 'Nävus'}" for n in range(8)]
    (source / "list.csv").write_text("\n".join(["path,label", *rows]))
    project = Project.create("blood", home=tmp_path)
    assert project.import_images(source / "list.csv").added == 8
    assert {row.reference for row in project.store.images()} == {"Nävus"}
    said = {decomposed("Läsion 0.png"): decomposed("Nävus"), "Läsion 1.png": "Nävus"}
    assert project.labels.add(said, "kim") == 2
    assert [row.name for row in project.store.classes()] == ["Nävus"]
    assert len(project.store.search(decomposed("läsion"))) == 8
    project.close()


def test_images_that_cannot_be_found_leave_the_name_free(tmp_path):
    with pytest.raises(FewshotLabError, match="There is nothing at"):
        Project.create("marrow", home=tmp_path, images=tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
    Project.create("marrow", home=tmp_path).close()


def test_copies_outlive_their_source(tmp_path):
    source = tmp_path / "source"
    draw_demo(source, n=8, seed=3)
    project = Project.create("kept", home=tmp_path)
    project.import_images(source, copy=True)
    first = project.store.ids()[0]
    before = np.asarray(project.picture(first))
    for file in sorted(source.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    np.testing.assert_array_equal(np.asarray(project.picture(first)), before)
    assert not project.file_of(first)[0].is_relative_to(source)
    project.close()


def test_labelling_by_a_file_of_paths(project, tmp_path):
    paths = [row.path for row in project.store.files()][:3]
    file = tmp_path / "labels.csv"
    lines = [f"{paths[0]},a", f"{paths[1]},unsure", "gone.png,a", f"{paths[2]},"]
    file.write_text("\n".join(["path,label", *lines]))
    done = project.labels.add_csv(file, annotator="kim")
    assert (done.labelled, done.unmatched) == (3, ["gone.png"])
    kinds = {label.kind for label in project.store.labels().values()}
    assert kinds == {"class", "unsure"}
    file.write_text("where,label\na,b\n")
    with pytest.raises(FewshotLabError, match="no column path"):
        project.labels.add_csv(file, annotator="kim")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["new", "skip"], "“skip” cannot be a class"),
        (
            [f"note {n}" for n in range(24)],
            "24 new classes beside 30 are too many: 50 are the most",
        ),
        (["new", "x" * 200], "at most"),
    ],
)
def test_labels_of_which_one_can_be_no_class_store_nothing(project, labels, words):
    project.store.add_classes([f"class {n}" for n in range(30)], annotator="kim")
    before = project.store.position()
    ids = project.store.ids()[: len(labels)]
    with pytest.raises(FewshotLabError, match=words):
        project.labels.add(dict(zip(ids, labels, strict=True)), annotator="kim")
    assert len(project.store.classes()) == 30 and project.store.position() == before


def test_two_labels_for_one_image_are_refused_and_one_said_twice_is_not(project, tmp_path):
    one, other = (row.path for row in project.store.files()[:2])
    file = tmp_path / "labels.csv"
    file.write_text(f"path,label\n{one},a\n{other},b\n{one},b\n")
    with pytest.raises(FewshotLabError, match=f"{one}: a, {one}: b. Leave one"):
        project.labels.add_csv(file, annotator="kim")
    assert project.store.classes() == [] and project.store.labels() == {}
    file.write_text(f"path,label\n{one},a\n{other},Unsure\n{one},a\n")
    assert project.labels.add_csv(file, annotator="kim") == (2, [], {})
    assert {label.kind for label in project.store.labels().values()} == {"class", "unsure"}


def test_labels_from_a_spreadsheet_and_a_file_that_is_no_table(project, tmp_path):
    paths = [row.path for row in project.store.files()][:2]
    file = tmp_path / "labels.csv"
    file.write_text(f'path;label\n{paths[0]};"a, b"\n{paths[1]};c\n')
    assert project.labels.add_csv(file, annotator="kim") == (2, [], {})
    assert {row.name for row in project.store.classes()} >= {"a, b", "c"}
    file.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    with pytest.raises(FewshotLabError, match="is not a CSV"):
        project.labels.add_csv(file, annotator="kim")
    with pytest.raises(FewshotLabError, match=r"gone\.csv cannot be read: No such file"):
        project.labels.add_csv(tmp_path / "gone.csv", annotator="kim")


@pytest.mark.parametrize("table", ["label", "manifest"])
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("path,label\n%s\\%s,Größe\n", "utf-8"),
        ("path,label\n./%s/%s,Größe\n", "utf-8"),
        ("path,label\n%s/%s,Größe\n", "utf-16"),
        ("path,label\n%s/%s,Größe\n", "cp1252"),
        ("Filename;Class\n%s/%s ;Größe\n", "utf-8-sig"),
        ("sep=;\nPATH;LABEL\n%s/%s;Größe\n", "utf-8"),
    ],
)
def test_labels_and_manifests_have_one_reader(home, tmp_path, table, text, encoding):
    (tmp_path / "s1").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "s1" / "a.png")
    file = tmp_path / "table.csv"
    file.write_bytes((text % ("s1", "a.png")).encode(encoding))
    with Project.create("dialects") as project:
        if table == "manifest":
            project.import_images(file)
            assert [(r.path, r.reference) for r in project.store.images()] == [
                ("s1/a.png", "Größe")
            ]
            return
        project.import_images(tmp_path)
        assert project.labels.add_csv(file, annotator="kim").labelled == 1
        assert [row.name for row in project.store.classes()] == ["Größe"]


def test_a_name_that_begins_with_a_space_is_labelled_too(home, tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / " lead.png")
    (tmp_path / "labels.csv").write_text("path,label\n lead.png,a\n")
    with Project.create("spaces") as project:
        project.import_images(tmp_path)
        assert project.labels.add_csv(tmp_path / "labels.csv", "kim") == (1, [], {})


def test_classes_that_differ_by_case_are_one_and_it_is_told(project, tmp_path):
    one, two, three = (row.path for row in project.store.files()[:3])
    file = tmp_path / "labels.csv"
    file.write_text(f"path,label\n{one},T\n{two},t\n{three},Ab\n")
    done = project.labels.add_csv(file, annotator="kim")
    assert done.respelt == {"t": "T"} and "“t” as “T”" in done.sentence
    assert [row.name for row in project.store.classes()] == ["T", "Ab"]


def test_one_undo_takes_back_a_whole_file_of_labels(project):
    ids = project.store.ids()
    said = {ids[0]: "large  cell", ids[1]: "Large cell", ids[2]: "small", ids[3]: "unsure"}
    assert project.labels.add(said, annotator="kim") == 4
    assert [row.name for row in project.store.classes()] == ["large cell", "small"]
    project.store.undo("kim", client="test", q=1)
    assert project.store.labels() == {}


def test_a_second_import_with_reference_labels_fills_them_in(project, cells, monkeypatch):
    monkeypatch.setattr("fewshot_lab.project.arrivals.STATED", 5)  # a few at a time
    ids = project.store.ids()
    assert all(row.reference is None for row in project.store.images())
    again = project.import_images(cells, reference_labels="folders")
    assert (again.added, again.filled) == (0, len(ids))
    assert all(row.reference == row.path.split("/")[0] for row in project.store.images())
    assert project.import_images(cells, reference_labels="folders").filled == 0
    assert project.store.ids() == ids
    manifest = cells.parent / "sites.csv"
    for column, value in (("site", "A"), ("site", "B"), ("stain", "pale")):
        lines = [f"{path},{value}" for path in sorted(cells.rglob("*.png"))]
        manifest.write_text("\n".join([f"file,{column}", *lines]))
        columns = ManifestColumns("file", metadata=(column,))
        filled = project.import_images(manifest, columns=columns).filled
        assert filled == (0 if value == "B" else len(ids))
    assert {tuple(row.meta.items()) for row in project.store.images()} == {
        (("site", "A"), ("stain", "pale"))
    }


@pytest.mark.slow
def test_a_first_map_of_what_is_embedded_gives_way_to_the_whole_one(project):
    assert project.first_map() is False
    project.embed(shard=(0, 2))
    some = len(project.require_embeddings().ids)
    assert 0 < some < len(project.store.ids())
    assert project.first_map() is True
    first = project.map
    assert first is not None
    assert (first.method, len(first.ids)) == ("pca", some)
    project.embed()
    assert project.make_map().ids == sorted(project.require_embeddings().ids)
