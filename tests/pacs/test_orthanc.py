"""Search, fetch, report and send against a real Orthanc."""

import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pydicom
import pytest

from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.images import SliceStep, read_grey_values, read_rgb
from fewshot_lab.pacs import (
    connect,
    fetch_study,
    local_originals,
    pacs_originals,
    plan_reports,
    search_studies,
    series_of,
    write_reports,
)
from fewshot_lab.project import Project, sequence_of, study_code

from ..dicom_series import NAME, write_phantom
from .conftest import CT, SMALL, STUDY, TOKEN, Orthanc


@pytest.fixture
def pacs(orthanc: Orthanc, stored, pacs_of):
    return pacs_of(orthanc.url, TOKEN)


@pytest.fixture
def project(home: Path):
    with Project.create("chest") as project:
        yield project


def naming(folder: Path) -> list[Path]:
    words = (NAME, STUDY, CT, SMALL)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [f for f in files if any(word.encode() in f.read_bytes() for word in words)]


def test_a_study_is_found_and_a_wrong_token_refused(orthanc, pacs, pacs_of):
    studies, more = search_studies(pacs, accession="A-7", date="20251201-20260131")
    assert not more
    [study] = [each for each in studies if each.uid == STUDY]
    assert (study.series, study.images, study.modalities) == (3, 27, "CT")
    assert sorted(each.images for each in series_of(pacs, STUDY)) == [1, 2, 24]
    assert search_studies(pacs, patient="nobody") == ([], False)
    with pytest.raises(FewshotLabError, match="refuses the token"):
        series_of(pacs_of(orthanc.url, "Basic bm86bm8="), STUDY)


def test_a_fetch_keeps_pixels_alone_and_goes_on_where_it_stopped(project, pacs, stored):
    def stop(stage, done, total):
        if stage == "fetching" and done >= 11:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        fetch_study(project, pacs, STUDY, slice_step=SliceStep(2), progress=stop)
    before = len(project.store.ids())
    assert 0 < before < 13 and not (project.folder / "fetched").exists()
    report = fetch_study(project, pacs, STUDY, slice_step=SliceStep(2))
    assert report.already == before
    assert len(project.store.ids()) == 13  # of 24 slices every second, of 2 the second
    imported = report.imported
    assert imported is not None and (imported.localizers, imported.slices_skipped) == (1, 13)
    again = fetch_study(project, pacs, STUDY, slice_step=SliceStep(2))
    assert again.already == 13 and again.imported is None
    project.store.note("done")
    assert naming(project.folder) == []
    # The very pictures and values that the files hold.
    kept = {row.meta["slice"]: row for row in project.store.images() if row.width == 48}
    assert sorted(kept) == list(range(1, 25, 2))
    for number, row in kept.items():
        original = stored[number - 1]
        assert np.array_equal(project.picture(row.id), read_rgb(original))
        grey, theirs = read_grey_values(*project.file_of(row.id)), read_grey_values(original)
        assert np.array_equal(grey.pixels, theirs.pixels) and grey.unit == "HU"
    sequence = sequence_of(project, kept[5].id)
    assert sequence.at_hand() == list(range(0, 24, 2)) and len(sequence.places) == 24


def named(number: int) -> str:
    return "nodule" if 9 < number < 17 else "no nodule"


def test_the_terminal_searches_counts_and_fetches(home, pacs, capsys):
    assert run(["pacs", "search"]) == 1
    assert "Name a patient" in capsys.readouterr().err
    assert run(["pacs", "search", "--accession", "A-7"]) == 0
    assert STUDY in capsys.readouterr().out
    assert run(["create", "chest"]) == 0
    assert run(["pacs", "fetch", "chest", STUDY, "--dry-run"]) == 0
    assert "3 series with 27 images before slices are chosen." in capsys.readouterr().out
    assert run(["pacs", "fetch", "chest", STUDY, "--slices", "8"]) == 0
    assert "3 series looked at. 4 images added, 2 volumes in order" in capsys.readouterr().out
    with Project.open("chest") as project:
        code = study_code(project, STUDY)
    assert run(["pacs-fetch", "chest", code, "--date", "20260101", "--slices", "8"]) == 0
    assert "4 images fetched before" in capsys.readouterr().out
    assert run(["pacs-fetch", "chest", code, "--date", "20260102"]) == 1
    assert "no longer found by its date" in capsys.readouterr().err
    assert run(["pacs", "fetch", "chest", "1.2.3.4.5.6.7"]) == 1
    assert "has no pictures by this uid" in capsys.readouterr().err


@pytest.fixture
def labelled(project, pacs):
    """Return a project whose classifier knows a nodule from none."""
    fetch_study(project, pacs, STUDY)
    project.embed()
    rows = [row for row in project.store.images() if row.width == 48]
    names = {row.id: named(row.meta["slice"]) for row in rows[::2]}
    project.labels.add(names, "ann")
    return project


def content(item: pydicom.Dataset, depth: int = 0):
    """Walk a report's tree: (depth, relationship, type, concept, item)."""
    concept = item.get("ConceptNameCodeSequence")
    name = (concept[0].CodeValue, concept[0].CodingSchemeDesignator) if concept else None
    yield depth, item.get("RelationshipType"), item.ValueType, name, item
    for child in item.get("ContentSequence", []):
        yield from content(child, depth + 1)


@pytest.mark.slow
def test_a_report_is_tid_1500_and_goes_back(labelled, pacs, orthanc, stored, tmp_path):
    project = labelled
    ids = list(project.embeddings.ids)
    originals, gone = local_originals(project, ids)
    assert originals == [] and gone == ids  # only pixels are kept
    with pytest.raises(FewshotLabError, match="no original DICOM file"):
        write_reports(project, originals, tmp_path / "none")
    originals = pacs_originals(project, gone, pacs, [STUDY])
    assert {each.image_id for each in originals} == set(ids)
    assert plan_reports(project, originals).sentence == "1 report on 26 images: one for each study."
    written = write_reports(project, originals, tmp_path / "out", send_to=pacs)
    [file] = written.files
    assert (written.images, written.sent) == (26, 1)
    # Sent once more, as after a stop: the same answers are the same report.
    again = write_reports(project, originals, None, send_to=pacs)
    assert again.sentence == "1 report on 26 images: 1 sent." and again.files == []
    report = pydicom.dcmread(file)
    assert report.PatientName == NAME and report.StudyInstanceUID == STUDY
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33" and report.Modality == "SR"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert (report.CompletionFlag, report.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    walk = list(content(report))
    names = [(depth, kind, name) for depth, _, kind, name, _ in walk]
    # Rows of TID 1500, 1002/1004 (device), 1501, 1419 and 4019.
    assert names[0] == (0, "CONTAINER", ("126000", "DCM"))
    assert (1, "CODE", ("121005", "DCM")) in names and (1, "UIDREF", ("121012", "DCM")) in names
    assert (1, "CODE", ("121058", "DCM")) in names
    assert (1, "CONTAINER", ("126010", "DCM")) in names
    groups = [item for _, _, _, name, item in walk if name == ("125007", "DCM")]
    assert len(groups) == 26
    p = project.fit().probabilities(ids)
    by_id = dict(zip(ids, p, strict=True))
    uids = {str(pydicom.dcmread(f).SOPInstanceUID) for f in stored}
    for group in groups:
        items = {name: item for depth, _, _, name, item in content(group) if depth == 1}
        image_id = items["112039", "DCM"].TextValue
        value = float(items["122157", "DCM"].MeasuredValueSequence[0].NumericValue)
        assert value == pytest.approx(by_id[image_id].max(), abs=1e-4)
        meaning = items["121071", "DCM"].ConceptCodeSequence[0].CodeMeaning
        assert meaning in ("nodule", "no nodule")
        assert items["111001", "DCM"].TextValue == "Fewshot Lab"  # algorithm name
        assert items["112040", "DCM"].UID
    log = f"log of labels {project.store.log_head()}"
    assert log in [getattr(item, "TextValue", "") for *_, item in walk]
    referenced = {
        str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for _, _, kind, _, item in walk
        if kind == "IMAGE"
    }
    assert uids <= referenced and len(referenced) == 26
    if dump := shutil.which("dsrdump"):  # DCMTK reads it as it is meant, or says what is wrong
        done = subprocess.run([dump, "-Ec", str(file)], capture_output=True, text=True)
        assert done.returncode == 0 and "nodule" in done.stdout, done.stderr
        done = subprocess.run([dump, str(file)], capture_output=True, text=True)
        assert done.returncode == 0 and "E: " not in done.stderr, done.stderr
    [row] = [each for each in series_of(pacs, STUDY) if each.modality == "SR"]
    assert row.images == 1
    assert naming(project.folder) == []


@pytest.mark.slow
def test_a_series_has_one_answer_and_files_in_place_are_their_own_originals(home, tmp_path):
    write_phantom(tmp_path / "in" / "a", 20, side=48, series=CT, study=STUDY)
    write_phantom(tmp_path / "in" / "b", 20, side=48, series=SMALL, study="1.2.9", seed=8)
    with Project.create("local") as project:
        project.import_images(tmp_path / "in")
        project.embed()
        rows = project.store.images()
        project.labels.add({row.id: named(row.meta["slice"]) for row in rows}, "ann")
        ids = list(project.embeddings.ids)
        (tmp_path / "in" / "b" / "0003.dcm").unlink()
        originals, gone = local_originals(project, ids)
        assert (len(originals), len(gone)) == (39, 1)
        written = write_reports(
            project, originals, tmp_path / "out", per="series", without_original=len(gone)
        )
        assert len(written.files) == 2 and "1 image whose original" in written.sentence
        for file in written.files:
            walk = list(content(pydicom.dcmread(file)))
            groups = [item for _, _, _, name, item in walk if name == ("125007", "DCM")]
            assert len(groups) == 1
            images = sum(kind == "IMAGE" for _, _, kind, _, _ in walk)
            assert images in (19, 20)
        with pytest.raises(FewshotLabError, match="outside the project"):
            write_reports(project, originals, project.folder / "out")


@pytest.fixture
def slow(orthanc: Orthanc) -> Iterator[str]:
    """Return the address of a PACS that takes its time for each image: Orthanc behind a relay."""

    class Relay(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "/instances/" in self.path:
                time.sleep(0.15)
            headers = {"Accept": self.headers["Accept"], "Authorization": TOKEN}
            request = urllib.request.Request(orthanc.base + self.path, headers=headers)
            with urllib.request.urlopen(request, timeout=20) as answer:
                body, kind = answer.read(), answer.headers["Content-Type"]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):  # whoever asked was killed
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    relay = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    threading.Thread(target=relay.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{relay.server_port}/dicom-web"
    relay.shutdown()
    relay.server_close()


def test_a_fetch_that_was_killed_goes_on_and_doubles_nothing(project, pacs_of, stored, slow):
    pacs_of(slow)
    verb = [sys.executable, "-m", "fewshot_lab", "pacs", "fetch", "chest", STUDY, "--json"]
    process = subprocess.Popen(verb, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not project.store.ids() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    before = project.store.ids()
    assert 0 < len(before) < 26
    again = fetch_study(project, connect(), STUDY)
    assert again.already == len(before)
    assert again.imported is not None and again.imported.added == 26 - len(before)
    assert len(project.store.files()) == 26 and set(before) <= set(project.store.ids())
    assert not (project.folder / "fetched").exists() and naming(project.folder) == []
