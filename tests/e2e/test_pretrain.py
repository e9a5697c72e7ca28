"""Pretraining, as a person watches it, and the switch to what it made."""

import pytest
from playwright.sync_api import Page, expect

from fewshot_lab.project import Project
from fewshot_lab.runs import launch_run, prepare_run, recommend_recipe

from .conftest import Server, Watch, until

QUICK = {
    "global_size": 32,
    "local_size": 16,
    "local_crops": 2,
    "cache_size": 48,
    "prototypes": 64,
    "workers": 0,
    "log_steps": 1,
    "check_steps": 5,
    "checkpoint_steps": 5,
}


@pytest.mark.timeout(700)
def test_a_run_is_watched_stopped_resumed_and_its_backbone_used_and_left(
    project: Project, server: Server, page: Page, watch: Watch
) -> None:
    n = len(project.store.ids())
    advice = recommend_recipe(
        n, backbone="test_vit", start="scratch", steps=50_000, batch_size=8, values=QUICK
    )
    run = prepare_run([project], advice, name="tiny")
    launch_run(run)
    before = project.backbone_name
    address = f"{server.url}/pretrain?project={project.name}&run=tiny"
    page.goto(address)
    page.get_by_role("button", name="Stop").wait_for(timeout=90_000)
    # While the chart is drawn again there are two of it for a moment.
    expect(page.get_by_text("ln(prototypes) = 4.16").first).to_be_visible()
    expect(page.get_by_text("frozen start").first).to_be_visible()
    page.reload()
    # A person sees the page before the server dies.
    page.get_by_role("button", name="Stop").wait_for()
    expect(page.get_by_text("frozen start").first).to_be_visible()
    assert watch.complaints == []
    server.kill()
    assert run.status().state == "running"
    server.start()
    page.goto(address)
    watch.complaints.clear()  # the browser reports every request that found no server
    page.get_by_role("button", name="Stop").click()
    resume = page.get_by_role("button", name="Resume")
    resume.wait_for()
    stopped = run.status().done
    resume.click()
    page.get_by_role("button", name="Stop").wait_for()
    until(lambda: run.status().done > stopped, "it goes on")
    page.get_by_role("button", name="Stop").click()
    resume.wait_for()

    page.get_by_role("button", name="Try it on this project").click()
    switch = page.get_by_role("button", name="Switch to it")
    switch.wait_for(timeout=300_000)  # embeds and maps, beside what else runs
    expect(page.get_by_text("Balanced accuracy on the same labels")).to_be_visible()
    expect(page.get_by_text("labels per class:")).to_be_visible()
    assert project.backbone_name == before
    switch.click()
    back = page.get_by_role("button", name="Back to")
    back.wait_for()
    assert project.backbone.architecture == "test_vit"
    assert project.map is not None
    # What is in use stays what it is, whatever becomes of the run.
    run.delete()
    assert project.backbone.architecture == "test_vit"
    assert project.embeddings is not None
