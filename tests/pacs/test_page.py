"""The import page with a PACS: search, choose, fetch."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fewshot_lab.accounts import ANYBODY
from fewshot_lab.project import Project

from .conftest import STUDY, TOKEN

pytestmark = pytest.mark.slow


def page(project: str) -> None:
    from fewshot_lab.project import Project
    from fewshot_lab.ui.on_error import sentences
    from fewshot_lab.ui.pacs_form import from_pacs

    with sentences():
        from_pacs(Project.open(project))


def test_a_study_is_found_on_the_page(orthanc, stored, pacs_of, home: Path):
    pacs_of(orthanc.url, TOKEN)
    Project.create("chest").close()
    app = AppTest.from_function(page, kwargs={"project": "chest"}, default_timeout=60).run()
    assert not app.exception and ANYBODY.administrator
    app.text_input(key="fl-pacs-accession").set_value("A-7")
    app.button[0].click().run()
    assert not app.exception
    [table] = app.dataframe
    # Other tests send a report to the study.
    assert int(table.value["Images"][0]) >= 27 and "Doe, Jane" in table.value["Patient"][0]
    assert STUDY not in str(table.value)
    assert app.button(key="fl-pacs-fetch").disabled
