"""The few-shot curve of the paper's protocol: evaluate nshot."""

from pathlib import Path
from typing import Annotated, Any

from fewshot_lab.cli.options import ProjectName, WhichLabels, open_project, option
from fewshot_lab.cli.reporting import progress, table, tell
from fewshot_lab.cli.waiting import Now, in_turn
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.words import percent, share


def nshot(
    project: ProjectName,
    shots: Annotated[
        str, option("Labels per class; paper for all of the paper's.", metavar="N,N,...")
    ] = "5,10,25,50,100",
    draws: Annotated[
        int | None,
        option(
            "Draws of labels; by default the paper's: 50 up to 10 per class, 20 up to 100, "
            "5 above.",
            min=1,
        ),
    ] = None,
    backbone: Annotated[
        list[str] | None,
        option(
            "Backbones with embeddings in the project; may be repeated. The project's own by "
            "default.",
        ),
    ] = None,
    classifier: Annotated[
        list[str] | None,
        option(
            "paper-svm, paper-knn, paper-logreg, default, stack, lda, logreg, rbf-svm; may "
            "be repeated.",
        ),
    ] = None,
    min_class_size: Annotated[int, option("Leave out classes with fewer images.", min=0)] = 0,
    labels: WhichLabels = "reference",
    split_csv: Annotated[
        Path | None,
        option(
            "A CSV with the columns path and split (train, test); without it the project's "
            "test set is tested on, or a third of each class."
        ),
    ] = None,
    reference: Annotated[
        str | None,
        option(
            "Which data set of the paper this is, for its published figures: bone-marrow, "
            "endoscopy, dermoscopy or none; by default recognised by the names of the classes."
        ),
    ] = None,
    seed: Annotated[int, option("Of split and draws.")] = 0,
    out: Annotated[Path | None, option("The JSON file to write.")] = None,
    now: Now = False,
) -> None:
    """Draw n labels per class, train, and test on a third that is never drawn."""
    from fewshot_lab.evaluation import Protocol
    from fewshot_lab.files import to_json, write_atomically
    from fewshot_lab.project import remember

    asked: dict[str, Any] = {} if classifier is None else {"classifiers": tuple(classifier)}
    protocol = Protocol(shots_of(shots), draws, min_class_size, seed=seed, **asked)
    with progress(heavy=in_turn(project, now=now)) as report:
        with open_project(project) as opened:
            curve = opened.studies.few_shot(
                backbone,
                protocol=protocol,
                labels=labels,
                split_csv=split_csv,
                reference=reference,
                progress=report,
            )
            remember(opened, "nshot", curve)
        # Inside: a job has ended only when its answer is there.
        if out is not None:
            write_atomically(out, to_json(curve, indent=1).encode())
        tell(curve, _text(curve, out))


def shots_of(text: str) -> tuple[int, ...]:
    """Return the numbers of labels per class that were asked for."""
    if text == "paper":
        from fewshot_lab.evaluation import SHOTS

        return SHOTS
    try:
        numbers = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        numbers = ()
    if not numbers or numbers[0] < 1:
        raise FewshotLabError(f"--shots is {text!r}: give whole numbers from 1, as in 5,25,100.")
    return numbers


def _text(curve: dict[str, Any], out: Path | None) -> str:
    rows = [
        [
            str(each["shots"]),
            each["backbone"],
            each["classifier"],
            share(each["balanced_accuracy"], each["interval"][0], each["interval"][1], 1),
            *(percent(each[name]["value"], 1) for name in ("macro_f1", "auroc", "ece")),
        ]
        for each in curve["results"]
    ]
    head = ["n", "backbone", "classifier", "balanced accuracy (95 %)", "macro-F1", "AUROC", "ECE"]
    lines = [table(head, rows)]
    if curve["published"] is not None:
        published = ", ".join(f"{row['name']} {row['value']}" for row in curve["published"]["rows"])
        lines.append(f"Published on {curve['published']['title']}: {published}.")
        lines.append(f"({curve['published']['source']}.)")
    lines.append(f"{curve['test_images']:,} test images ({curve['split']}). {curve['leak_check']}")
    lines += [
        f"At {each['shots']} per class, {each['class']} gave all it has: {each['drawn']}."
        for each in curve["short"]
    ]
    if out is not None:
        lines.append(f"Written to {out}.")
    return "\n".join(lines)
