"""A PACS by DICOMweb: search, fetch, and structured reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fewshot_lab.cli.options import ProjectName, Verbs, answer, app, open_project, option
from fewshot_lab.cli.preparation import prepare_project
from fewshot_lab.cli.reporting import listed, progress, table, tell
from fewshot_lab.cli.waiting import Now, in_turn
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from fewshot_lab.pacs import Pacs
    from fewshot_lab.project import Project

Modality = Annotated[str, option("CT, MR, ...; all by default.", show_default=False)]


def search(
    patient_id: Annotated[str, option("The patient's id.", show_default=False)] = "",
    accession: Annotated[str, option("The accession number.", show_default=False)] = "",
    date: Annotated[str, option("20260101, or 20260101-20260131.", show_default=False)] = "",
    modality: Modality = "",
) -> None:
    """List studies of the PACS; nothing of them is stored."""
    from fewshot_lab.pacs import connect, search_studies

    if not any((patient_id, accession, date)):
        raise FewshotLabError("Name a patient, an accession number or a date: --help says how.")
    studies, more = search_studies(
        connect(), patient=patient_id, accession=accession, date=date, modality=modality
    )
    rows = [
        [
            each.date,
            each.modalities,
            f"{each.series:,}",
            f"{each.images:,}",
            each.uid,
            each.patient,
            each.description,
        ]
        for each in studies
    ]
    head = ["date", "modality", "series", "images", "study", "patient", "description"]
    text = table(head, rows) if rows else "No study matches."
    if more:
        text += f"\nThere are more than these {len(studies):,}: narrow the search."
    tell({"studies": [asdict(each) for each in studies], "more": more}, text)


def fetch(
    project: ProjectName,
    study: Annotated[list[str], typer.Argument(help="Uids of studies; or a code, with its date.")],
    date: Annotated[str, option("With a code: the day of the study.", show_default=False)] = "",
    modality: Modality = "",
    slices: Annotated[
        str, option("Slices of a volume: all, every nth (4), or by distance (5mm).")
    ] = "all",
    group_field: Annotated[
        str | None,
        option(
            "The group that stays together; the series by default.",
            metavar="PatientID|StudyInstanceUID|SeriesInstanceUID",
        ),
    ] = None,
    dry_run: Annotated[bool, option("Only count series and images.")] = False,
    prepare: Annotated[bool, option("Then embed and make the map.")] = False,
    now: Now = False,
) -> None:
    """Fetch studies into a project, pixels alone; again, only what is new."""
    from fewshot_lab.images import GROUP_FIELDS, SliceStep
    from fewshot_lab.pacs import connect, fetch_study, series_of

    if group_field is not None and group_field not in GROUP_FIELDS:
        raise FewshotLabError(f"{group_field!r} cannot be the group: {', '.join(GROUP_FIELDS)}.")
    step = SliceStep.parse(slices)
    heavy = in_turn(project, now=now) if prepare and not dry_run else None
    with progress(heavy=heavy) as tick, open_project(project) as opened:
        pacs = connect()
        study = _uids_of(opened, pacs, study, [date])
        if dry_run:
            series = [each for uid in study for each in series_of(pacs, uid, tick)]
            chosen = [s for s in series if s.has_pictures and modality in ("", s.modality)]
            rows = [[s.modality, f"{s.images:,}", s.description] for s in chosen[:50]]
            images = sum(s.images for s in chosen)
            lines = [table(["modality", "images", "series"], rows)] if rows else []
            if len(chosen) > 50:
                lines.append(f"... and {len(chosen) - 50:,} more series")
            lines.append(f"{len(chosen):,} series with {images:,} images before slices are chosen.")
            counted = {"series": [asdict(s) for s in chosen], "images": images}
            tell(counted, "\n".join(lines))
            return
        done: list[dict[str, Any]] = []
        sentences: list[str] = []
        for uid in study:
            report = fetch_study(
                opened,
                pacs,
                uid,
                modality=modality,
                slice_step=step,
                group_field=group_field,
                progress=tick,
            )
            done.append(asdict(report))
            sentences.append(report.sentence)
            if not answer().as_json:
                print(report.sentence)
            if report.imported is not None:
                listed(report.imported.refused)
                listed(report.imported.volume_notes)
        result: dict[str, Any] = {"studies": done, "sentence": " ".join(sentences)}
        if prepare:
            result |= prepare_project(opened, backbone=None, report=tick)
        opened.touch()
        tell(result, "")


def _uids_of(
    project: Project, pacs: Pacs, studies: Sequence[str], dates: Sequence[str]
) -> list[str]:
    """Return studies' uids; those of codes are looked for among the studies of some days."""
    from fewshot_lab.pacs import search_studies
    from fewshot_lab.project import study_code

    codes = {each for each in studies if each.startswith("study-")}
    uid_of: dict[str, str] = {}
    for date in dict.fromkeys(date for date in dates if date) if codes else ():
        of_the_day, _ = search_studies(pacs, date=date, most=None)
        uid_of |= {study_code(project, each.uid): each.uid for each in of_the_day}
    if gone := codes - uid_of.keys():
        what = "The study is" if len(gone) == 1 else f"{len(gone)} studies are"
        raise FewshotLabError(f"{what} no longer found by its date: search again.")
    return [uid_of.get(each, each) for each in studies]


def report(
    project: ProjectName,
    out: Annotated[
        Path | None,
        typer.Argument(
            help="The folder for the reports; without one they are only sent.", show_default=False
        ),
    ] = None,
    per: Annotated[str, option("One answer per image or per series.")] = "image",
    study: Annotated[
        list[str] | None,
        option(
            "Uids of studies that were fetched: their originals are in the PACS. Or codes, with "
            "their dates."
        ),
    ] = None,
    date: Annotated[
        list[str] | None, option("With codes: the days of the studies; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, option("Only count the reports and their images.")] = False,
    send: Annotated[bool, option("Send the reports to the PACS.")] = False,
) -> None:
    """Write what the classifier says as DICOM structured reports (TID 1500), one a study.

    They name the patient, as the originals do; these are read now, and nothing of them is stored.
    """
    from fewshot_lab.pacs import (
        connect,
        local_originals,
        pacs_originals,
        plan_reports,
        write_reports,
    )

    if out is None and not send:
        raise FewshotLabError("Name a folder for the reports, or say --send.")
    with progress() as tick, open_project(project) as opened:
        pacs = connect() if send or study else None
        ids = list(opened.require_embeddings().ids)
        originals, gone = local_originals(opened, ids, tick)
        if study and pacs is not None:
            uids = _uids_of(opened, pacs, study, date or [])
            originals += pacs_originals(opened, gone, pacs, uids, tick)
        without = len(set(ids) - {each.image_id for each in originals})
        if dry_run:
            plan = plan_reports(opened, originals, without)
            planned = asdict(plan) | {"sentence": plan.sentence, "dry_run": True}
            tell(planned, plan.sentence)
            return
        written = write_reports(
            opened,
            originals,
            out,
            per=per,
            without_original=without,
            send_to=pacs if send else None,
            progress=tick,
        )
        result = asdict(written) | {"files": [str(file) for file in written.files]}
        result["sentence"] = written.sentence
        tell(result, written.sentence)


group = Verbs(help="Search, fetch and report: DICOMweb. FEWSHOT_LAB_PACS_URL names the address.")
group.command()(search)
group.command()(fetch)
group.command()(report)
app.add_typer(group, name="pacs")
app.command("pacs-fetch", hidden=True)(fetch)  # a job's verb is one word
app.command("pacs-report", hidden=True)(report)
