"""Check the project: ``python check.py``.

Makes the virtual environment with what the tests need, then runs ruff, mypy, the unit tests, the
tests in a real browser (what fails there is tried once more, alone), the checks of the page's
JavaScript (npm) and the docs, as CI does.

``python check.py --quick``
    ruff, mypy and the tests that take minutes together: for every commit.
``python check.py --exhaustive``
    Also the tests that take minutes each, and by room the share of the code that the tests ran:
    before a release.
``python check.py --no-browser``
    All but the tests in a browser.
``python check.py tests/store -x``
    What follows goes to pytest.

Environment: ``FEWSHOT_LAB_VENV`` and ``FEWSHOT_LAB_PYTHON`` (see ``start.py``),
``FEWSHOT_LAB_TEST_DATA`` (real images, else ``../shared/datasets``), ``FEWSHOT_LAB_CHROMIUM`` (the
browser), ``CI=true`` (a missing browser or npm is a failure, not a skip).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from start import ROOT, environment

LONG = ("slow", "exhaustive", "data", "slurm", "postgresql", "orthanc", "e2e")
OPTIONS = ("quick", "exhaustive", "no-browser")
ENOUGH = 85
"""Percent of a room's lines that the tests are to run."""
BROWSER = "pytest in the browser"


def browser() -> str | None:
    """Return Chromium's path, installing Debian's where that is possible and needed."""
    if chosen := os.environ.get("FEWSHOT_LAB_CHROMIUM"):
        return chosen
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return next(filter(None, map(shutil.which, names)), None) or debian("chromium")


def debian(program: str, *more: str) -> str | None:
    """Return the path of a program, installing Debian's package of its name where that can be."""
    if not Path("/etc/debian_version").exists() or os.geteuid() != 0:
        return None
    print(f"Installing Debian's {program}", flush=True)
    apt_get("update")
    apt_get("install", "-y", program, *more)
    return shutil.which(program)


@cache
def apt_get(*arguments: str) -> None:
    """Run apt-get, once for the same arguments."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", *arguments]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=quiet)


def shown(step: list[str]) -> None:
    """Print a command."""
    print("\n$", " ".join([Path(step[0]).name, *step[1:]]), flush=True)


def javascript_tools() -> str | None:
    """Return npm, with the tools of the page's JavaScript installed; None where it is missing."""
    npm = shutil.which("npm") or debian("npm", "nodejs")
    lock, installed = ROOT / "package-lock.json", ROOT / "node_modules" / ".package-lock.json"
    current = installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime
    if npm and not current:
        print("\n$ npm ci", flush=True)
        subprocess.run([npm, "ci"], cwd=ROOT)
    return npm


def other_programs(with_browser: bool, everything: bool) -> tuple[str | None, str | None]:
    """Return the paths of Chromium and npm, installing what the tests need where that can be."""
    chromium = browser() if with_browser else None
    servers = (("caddy", ("caddy",)), ("psql", ("postgresql",)))
    for program, packages in (*servers, ("Orthanc", ("orthanc", "orthanc-dicomweb"))):
        if with_browser and everything and not shutil.which(program):
            debian(*packages)
    return chromium, javascript_tools() if everything else None


def print_coverage(python: str, data: Path) -> None:
    """Print the share of lines that the tests ran, by room."""
    report = data.with_suffix(".json")
    variables = {**os.environ, "COVERAGE_FILE": str(data)}
    for step in (["combine", "-q"], ["json", "-q", "-o", str(report)]):
        subprocess.run([python, "-m", "coverage", *step], cwd=ROOT, env=variables)
    if not report.exists():
        return
    rooms: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, file in json.loads(report.read_text())["files"].items():
        parts = Path(name).parts
        room = rooms[f"{parts[1]}/" if len(parts) > 2 else "fewshot_lab/*.py"]
        room[0] += file["summary"]["covered_lines"]
        room[1] += file["summary"]["num_statements"]
    rooms["in all"] = [sum(lines) for lines in zip(*rooms.values(), strict=True)]
    print("\nLines that the tests ran, by room")
    for room, (ran, lines) in rooms.items():
        low = f"  below {ENOUGH} %" if 100 * ran < ENOUGH * lines else ""
        print(f"{room:18}{ran:6} of {lines:6}{100 * ran / max(lines, 1):7.1f} %{low}", flush=True)


def main() -> int:
    """Run every check, also after one has failed, and return 1 if any did."""
    arguments = sys.argv[1:]
    quick, measured, no_browser = (f"--{word}" in arguments for word in OPTIONS)
    arguments = [a for a in arguments if a.removeprefix("--") not in OPTIONS]
    with_browser = not (no_browser or quick)
    with ThreadPoolExecutor(1) as beside_pip:
        others = beside_pip.submit(other_programs, with_browser, everything=not arguments)
        python = str(environment("requirements-dev.txt"))
    chromium, npm = others.result()

    variables = dict(os.environ)
    variables.setdefault("FEWSHOT_LAB_TEST_DATA", str(ROOT.parent / "shared" / "datasets"))
    if chromium:
        variables["FEWSHOT_LAB_CHROMIUM"] = chromium
    data = Path(tempfile.mkdtemp()) / "coverage"
    variables["COVERAGE_FILE"] = str(data)
    pytest = [python, "-m", "pytest"]
    left_out = LONG if quick else () if measured else ("exhaustive",)
    marked = ["-m", f"not ({' or '.join(left_out)})"] if left_out else []
    which = ["--ignore=tests/e2e", *marked]
    # Beside the unit tests, two at a time: those in the browser and of Slurm mostly wait.
    beside: dict[str, list[str]] = {}
    failed = []
    if not arguments and npm is None:
        print("\nThe label page's JavaScript is not checked: npm is missing.", flush=True)
        failed += ["npm"] if os.environ.get("CI") == "true" else []
    if arguments:
        tests = [*pytest, *([] if with_browser else which), *arguments]
    else:
        workers = str(min(os.cpu_count() or 1, 8))
        variables.setdefault("OMP_NUM_THREADS", "1")  # as many threads as there are workers
        measure = ["coverage", "run", "-m"] if measured else []
        pytest = [python, "-m", *measure, "pytest"]
        which = ["--ignore=tests/e2e", "-m", f"not ({' or '.join(sorted({*left_out, 'slurm'}))})"]
        tests = [*pytest, *which, "-n", workers, "--dist", "loadfile"]
        tests.append("--no-loadscope-reorder")  # tests/conftest.py orders the files
        if with_browser:
            cached = ["-o", f"cache_dir={data.parent / 'browser'}"]
            beside[BROWSER] = [*pytest, "tests/e2e", *marked, *cached]
        if not quick:
            beside["pytest with Slurm"] = [*pytest, "tests/runs/test_slurm.py", "-m", "slurm"]
    beside["mypy"] = [python, "-m", "mypy"]
    if not arguments:
        if npm is not None:
            beside["npm"] = [npm, "run", "check"]
        if not quick:
            beside["mkdocs"] = [python, "-m", "mkdocs", "build", "--quiet", "--strict"]
    variables["NO_MKDOCS_2_WARNING"] = "1"
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    pool = ThreadPoolExecutor(2)
    ended = {
        name: pool.submit(subprocess.run, step, cwd=ROOT, env=variables, **kept)
        for name, step in beside.items()
    }
    steps = [
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        tests,
    ]
    for step in steps:
        shown(step)
        if subprocess.run(step, cwd=ROOT, env=variables).returncode:
            failed.append("pytest" if "pytest" in step else step[2])
    for name, step in beside.items():
        shown(step)
        result = ended[name].result()
        print(result.stdout, flush=True)
        if result.returncode and name == BROWSER:
            # Alone: beside the unit tests a page is slower than any user's.
            again = [*step, "--last-failed", "--maxfail=1"]
            shown(again)
            result = subprocess.run(again, cwd=ROOT, env=variables)
        failed += [name] if result.returncode else []
    if measured:
        print_coverage(python, data)
    shutil.rmtree(data.parent)
    if failed:
        print("\nFailed:", ", ".join(failed), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
