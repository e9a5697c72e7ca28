"""The tools' own packages read what is written; run by hand, in an environment of their own.

FEWSHOT_LAB_TEST_TOOLS names its Python, with
pip install label-studio-sdk anndata pyarrow fiftyone mongomock.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.exchange import FORMATS, take_in, write_out
from fewshot_lab.project import Project

pytestmark = pytest.mark.exhaustive

ANNDATA = """
import sys, json, anndata
a = anndata.read_h5ad(sys.argv[1])
a.write_h5ad(sys.argv[2])
said = a.uns["opinions"]
print(json.dumps([anndata.__version__, said[["path", "annotator", "label"]].values.tolist()]))
"""

PARQUET = """
import sys, json, pandas
t = pandas.read_parquet(sys.argv[1])
t.to_parquet(sys.argv[2])
said = [[p, o["annotator"], o["label"]] for p, some in zip(t.path, t.opinions) for o in some]
print(json.dumps([pandas.__version__, said]))
"""

# FiftyOne wants a database server; mongomock is one in memory.
FIFTYONE = """
import os, sys, json
os.environ |= {"FIFTYONE_DATABASE_URI": "mongodb://localhost", "FIFTYONE_DO_NOT_TRACK": "true",
               "FIFTYONE_DATABASE_VALIDATION": "false"}
import mongoengine.connection, mongomock, mongomock.store, pymongo
memory = mongomock.store.ServerStore()
class Client(mongomock.MongoClient):
    _closed = False
    def close(self): pass
    def __init__(self, *args, **more):
        known = {k: v for k, v in more.items() if k not in ("appname", "compressors", "driver")}
        super().__init__(*args, **known, _store=memory)
pymongo.MongoClient = mongoengine.connection.MongoClient = Client
import fiftyone
kind = fiftyone.types.FiftyOneDataset
samples = fiftyone.Dataset.from_dir(sys.argv[1], dataset_type=kind)
samples.export(sys.argv[2], dataset_type=kind, export_media=False)
said = [[s.path, o.annotator, o.label] for s in samples for o in s.opinions.classifications]
print(json.dumps([fiftyone.__version__, said]))
"""

LABEL_STUDIO = """
import sys, json, shutil
from importlib.metadata import version
from label_studio_sdk.converter import Converter
config = '<View><Image name="image" value="$image"/><Choices name="choice" toName="image"/></View>'
shutil.copy(sys.argv[1], sys.argv[2])
rows = list(Converter(config, None).iter_from_json_file(sys.argv[1]))
said = [[row["input"]["image"], row["completed_by"], row["output"]["choice"][0]["choices"][0]]
        for row in rows if row["output"]]
print(json.dumps([version("label-studio-sdk"), said]))
"""
SCRIPTS = {
    "anndata": ANNDATA,
    "parquet": PARQUET,
    "fiftyone": FIFTYONE,
    "label-studio": LABEL_STUDIO,
}


@pytest.fixture
def tools() -> str:
    """Return the Python of an environment with the tools, or skip."""
    if not (python := os.environ.get("FEWSHOT_LAB_TEST_TOOLS")):
        pytest.skip("FEWSHOT_LAB_TEST_TOOLS names no Python with the other tools' packages")
    return python


@pytest.fixture
def colon(home: Path, tmp_path: Path) -> Iterator[Project]:
    """Return a project of five pictures, three of them labelled."""
    (tmp_path / "images").mkdir()
    for number in range(5):
        picture = Image.fromarray(np.full((6, 8, 3), 40 * number, np.uint8))
        picture.save(tmp_path / "images" / f"{number}.png")
    with Project.create("colon", home=home) as project:
        project.import_images(tmp_path / "images")
        project.labels.add({"0.png": "Polyp", "1.png": "wohl & gesund"}, "kim")
        project.labels.add({"0.png": "Adenom", "2.png": "unsure"}, "Zoë")
        yield project


@pytest.mark.parametrize("kind", SCRIPTS)
def test_the_tools_own_package_reads_it_and_what_it_writes_comes_back(
    colon, home, tmp_path, tools, kind, record_property
) -> None:
    out, again = tmp_path / f"out-{kind}", tmp_path / f"again-{kind}"
    write_out(colon, out, kind)
    script = [tools, "-c", SCRIPTS[kind], str(out), str(again)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    version, said = json.loads(done.stdout.splitlines()[-1])
    record_property(FORMATS[kind].title, version)
    opinions = [
        (row["path"], row["annotator"], row["label"]) for row in colon.store.export_opinions()
    ]
    if kind == "label-studio":  # it knows paths as addresses
        assert sorted(row[2] for row in said) == sorted(label for *_, label in opinions)
    else:
        assert sorted(map(tuple, said)) == sorted(opinions)
    with Project.create("back", home=home) as back:
        back.import_images(tmp_path / "images")
        take_in(back, again, kind, "somebody")
        came = [
            (row["path"], row["annotator"], row["label"]) for row in back.store.export_opinions()
        ]
        assert came == opinions
