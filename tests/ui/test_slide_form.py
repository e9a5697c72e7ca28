"""How slides are cut, asked on the page Import."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fewshot_lab import Project
from fewshot_lab.cli.options import Verbs
from fewshot_lab.cli.tiling_options import TilingOptions
from fewshot_lab.images import Tiling, TissueRule
from fewshot_lab.ui.slide_form import tiling_options
from fewshot_lab.ui.work import command_options

from ..images.pyramids import picture, write_pyramid
from .conftest import words

shares = st.floats(0, 1)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(64, 512),
    st.floats(0.25, 2),
    st.none() | st.integers(16, 4096),
    st.floats(0, 0.9),
    st.none() | st.integers(1, 9999),
    st.none() | st.floats(0.1, 2),
    st.builds(TissueRule, shares, shares, shares),
)
def test_the_job_is_told_what_the_page_asked(um, mpp, px, overlap, most, slide_mpp, tissue):
    size = {"tile_um": um, "mpp": mpp} if px is None else {"tile_px": px}
    tiling = Tiling(**size, overlap=overlap, most=most, slide_mpp=slide_mpp, tissue=tissue)
    read: list[Tiling] = []
    app = Verbs()

    @app.command()
    def verb(*, options: TilingOptions) -> None:
        read.append(options.tiling())

    CliRunner().invoke(app, command_options(**tiling_options(tiling)), catch_exceptions=False)
    assert read == [tiling]


@pytest.mark.slow
def test_the_page_shows_a_slide_and_says_what_comes_of_it(open_app, home: Path, tmp_path: Path):
    write_pyramid(tmp_path / "in.svs", picture(2048, 1536), levels=2)
    with Project.create("p"):
        pass
    app = open_app("import_images.py", "p")
    path = next(each for each in app.text_input if each.label.startswith("Click to the folder"))
    path.set_value(str(tmp_path / "in.svs")).run()
    assert not app.exception
    fields = {each.label: each for each in app.number_input}
    assert "1 whole slide" in words(app)
    fields["At most, a slide"].set_value(3).run()
    assert "3 taken" in words(app)
    fields = {each.label: each for each in app.number_input}
    fields["µm per pixel"].set_value(0.1).run()
    assert "nothing finer" in words(app)
    assert not app.exception
