"""A ZIP may come from anyone: nothing is written outside, nothing explodes."""

import os
import signal
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Candidate, ExaminedImage, Refused, examine, scan


def png(value: int = 0) -> bytes:
    import io

    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (value, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def make(file: Path, entries: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is: the constructor would tidy it up
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in options.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return file


def files_below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_pictures_are_unpacked_under_their_own_folder(tmp_path):
    file = make(
        tmp_path / "cells.zip",
        {
            "cells/mono/a.png": png(1),
            "cells/lympho/ü.png": png(2),
            "cells/README.md": b"words",
            "__MACOSX/cells/._a.png": b"x",
            "cells/.DS_Store": b"x",
        },
    )
    found = scan(file, reference_labels="folders", extract_to=tmp_path / "out")
    assert found.total == 2
    assert found.ignored.total() == 1
    items = list(found)
    assert {c.path: c.reference for c in items} == {
        "cells/lympho/ü.png": "lympho",
        "cells/mono/a.png": "mono",
    }
    assert all(c.file.is_relative_to(tmp_path / "out" / "cells.zip") for c in items)
    assert all(isinstance(r, ExaminedImage) for r in examine(items))
    assert len(files_below(tmp_path / "out")) == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.png", "leads out"),
        ("a/../../evil.png", "leads out"),
        ("..\\evil.png", "leads out"),
        ("/etc/evil.png", "absolute"),
        ("C:\\evil.png", "absolute"),
        ("C:/evil.png", "absolute"),
        ("//server/evil.png", "absolute"),
        ("../evil.sh", "leads out"),
        ("a//b.png", "not valid"),
        ("./a.png", "not valid"),
    ],
)
def test_paths_that_escape_are_listed_and_nothing_is_written(tmp_path, name, reason):
    file = make(tmp_path / "a.zip", {name: png(), "good.png": png(1)})
    found = list(scan(file, extract_to=tmp_path / "deep/er/out"))
    refused = [r for r in found if isinstance(r, Refused)]
    assert len(refused) == 1
    assert reason in refused[0].reason
    assert [c.path for c in found if isinstance(c, Candidate)] == ["good.png"]
    assert files_below(tmp_path) == {"a.zip", "deep/er/out/a.zip/good.png"}


def test_links_and_encrypted_entries_are_listed(tmp_path):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.png", png())
        archive.writestr("good.png", png(1))
    raw = bytearray(file.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # set the encryption flag
        name = b"secret.png"
        at = raw.index(name, raw.index(mark)) if mark == b"PK\x03\x04" else raw.rindex(name)
        start = raw.rindex(mark, 0, at)
        raw[start + offset] |= 1
    file.write_bytes(raw)
    found = list(scan(file, extract_to=tmp_path / "out"))
    reasons = {r.path: r.reason for r in found if isinstance(r, Refused)}
    assert "symbolic link" in reasons["link.png"]
    assert "encrypted" in reasons["secret.png"]
    assert [c.path for c in found if isinstance(c, Candidate)] == ["good.png"]


def test_bombs_are_refused_by_their_declared_size(tmp_path):
    file = make(tmp_path / "a.zip", {"bomb.bmp": bytes(120 * 2**20), "good.png": png()})
    found = list(scan(file, extract_to=tmp_path / "out"))
    reasons = {r.path: r.reason for r in found if isinstance(r, Refused)}
    assert "decompression bomb" in reasons["bomb.bmp"]
    assert files_below(tmp_path / "out") == {"a.zip/good.png"}


def test_an_entry_that_lies_about_its_size_writes_no_more_than_it_said(tmp_path):
    file = make(tmp_path / "a.zip", {"bomb.bmp": bytes(5 * 2**20)})
    raw = bytearray(file.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", raw, raw.index(mark) + offset, 1000)
    file.write_bytes(raw)
    found = list(scan(file, extract_to=tmp_path / "out"))
    assert [type(item) for item in found] == [Refused]
    assert files_below(tmp_path / "out") == set()


def test_overlapping_entries_are_refused_as_a_whole(tmp_path):
    noise = np.random.default_rng(0).bytes(10_000)
    file = make(tmp_path / "a.zip", {"a.png": noise, "b.png": noise[:9_999]})
    raw = bytearray(file.read_bytes())
    first = raw.index(b"PK\x01\x02")
    second = raw.index(b"PK\x01\x02", first + 4)
    struct.pack_into("<I", raw, second + 42, 0)  # both point to the first entry's data
    del raw[raw.index(b"PK\x03\x04", 4) : first]
    moved = first - raw.index(b"PK\x01\x02")
    end = raw.rindex(b"PK\x05\x06")
    struct.pack_into("<I", raw, end + 16, first - moved)
    file.write_bytes(raw)
    with pytest.raises(FewshotLabError, match="overlap"):
        list(scan(file, extract_to=tmp_path / "out"))


def test_a_damaged_entry_does_not_stop_the_others(tmp_path):
    file = make(tmp_path / "a.zip", {"a.png": np.random.default_rng(0).bytes(500), "b.png": png()})
    raw = bytearray(file.read_bytes())
    raw[100] ^= 255
    file.write_bytes(raw)
    found = list(scan(file, extract_to=tmp_path / "out"))
    assert [r.path for r in found if isinstance(r, Refused)] == ["a.png"]
    assert [c.path for c in found if isinstance(c, Candidate)] == ["b.png"]
    assert files_below(tmp_path / "out") == {"a.zip/b.png"}


def test_unpacking_again_changes_nothing_and_a_changed_entry_gets_its_own_file(tmp_path):
    out = tmp_path / "out"
    file = make(tmp_path / "a.zip", {"1.png": png(1), "2.png": png(2)})
    before = [(c.file, c.file.stat().st_mtime_ns) for c in scan(file, extract_to=out)]
    assert [(c.file, c.file.stat().st_mtime_ns) for c in scan(file, extract_to=out)] == before
    make(tmp_path / "a.zip", {"1.png": png(1), "2.png": png(3), "3.png": png(4)})
    again = list(scan(file, extract_to=out))
    assert [c.path for c in again] == ["1.png", "2.png", "3.png"]
    assert again[0].file == before[0][0]
    assert again[1].file != before[1][0]
    assert before[1][0].read_bytes() == png(2)
    assert again[1].file.read_bytes() == png(3)
    assert [c.file for c in scan(file, extract_to=out)] == [c.file for c in again]


def test_two_zips_of_one_name_do_not_mix(tmp_path):
    out = tmp_path / "out"
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    one = list(scan(make(tmp_path / "x/a.zip", {"1.png": png(1)}), extract_to=out))
    two = list(scan(make(tmp_path / "y/a.zip", {"1.png": png(2)}), extract_to=out))
    assert one[0].file != two[0].file
    assert one[0].file.read_bytes() == png(1)
    assert two[0].file.read_bytes() == png(2)


def test_names_written_as_utf8_without_saying_so(tmp_path):
    file = make(tmp_path / "a.zip", {"gr\xf6\xdfe.png": png()})
    raw = file.read_bytes()
    name = "gr\xf6\xdfe.png".encode()
    assert raw.count(name) == 2
    patched = bytearray(raw)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        patched[patched.index(mark) + offset + 1] &= ~8
    file.write_bytes(patched)
    assert [c.path for c in scan(file, extract_to=tmp_path / "out")] == ["gr\xf6\xdfe.png"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"text"])
def test_what_is_no_zip_is_one_clear_sentence(tmp_path, content):
    file = tmp_path / "a.zip"
    file.write_bytes(content)
    with pytest.raises(FewshotLabError, match="damaged or not a ZIP"):
        scan(file, extract_to=tmp_path / "out")


def test_a_killed_unpacking_leaves_no_half_file_under_a_final_name(tmp_path):
    file = make(tmp_path / "a.zip", {f"{k}.png": png(k) for k in range(5)})
    out = tmp_path / "out"
    items = scan(file, extract_to=out)
    next(items)
    next(items)
    del items  # cut off in the middle
    assert all(name.endswith(".png") for name in files_below(out))
    assert len(list(scan(file, extract_to=out))) == 5
    assert not list(out.rglob("*.part"))
    leftover = out / "a.zip" / ".000000000000.part"
    leftover.write_bytes(b"half")
    os.utime(leftover, (0, 0))
    assert len(list(scan(file, extract_to=out))) == 5
    assert not leftover.exists()


def test_one_name_twice_in_a_zip_keeps_both_pictures(tmp_path):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        for value in (1, 2, 2):
            archive.writestr("a.png", png(value))
    found = list(scan(file, extract_to=tmp_path / "out"))
    assert [c.file.read_bytes() for c in found] == [png(1), png(2), png(2)]
    assert len({c.file for c in found}) == 2


def test_more_entries_than_one_batch(tmp_path):
    file = make(tmp_path / "a.zip", {f"{k:03d}.png": png(k % 200) for k in range(150)})
    found = scan(file, extract_to=tmp_path / "out")
    assert next(found).file.read_bytes() == png(0)
    assert len(list(found)) == 149
    assert len(files_below(tmp_path / "out")) == 150


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_kill_in_the_middle_leaves_only_whole_files(tmp_path):
    noise = np.random.default_rng(0)
    entries = {f"{k:04d}.png": noise.bytes(40_000) for k in range(600)}
    file = make(tmp_path / "a.zip", entries)
    out = tmp_path / "out"
    code = (
        "import sys; from pathlib import Path; from fewshot_lab.images import scan\n"
        "for c in scan(Path(sys.argv[1]), extract_to=Path(sys.argv[2])): print(c.path, flush=True)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(file), str(out)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    for _ in range(200):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.stdout.close()
    child.wait()
    there = [p for p in out.rglob("*.png") if not p.name.startswith(".")]
    assert 200 <= len(there) <= 600
    assert all(p.read_bytes() == entries[p.name] for p in there)
    again = list(scan(file, extract_to=out))
    assert [c.file.read_bytes() for c in again] == list(entries.values())
