"""Check the project: ``python check.py``.

Makes the virtual environment with what the tests need, then runs ruff, mypy, the unit tests, the
tests in a real browser and the checks of the page's JavaScript (npm), as CI does.
``python check.py --no-browser`` leaves out the browser.
What follows goes to pytest: ``python check.py tests/store -x``.

Environment: ``FEWSHOT_LAB_VENV`` (where the virtual environment is, else ``.venv``),
``FEWSHOT_LAB_TEST_DATA`` (real images, else ``../shared/datasets``), ``FEWSHOT_LAB_CHROMIUM`` (the
browser), ``CI=true`` (a missing browser or npm is a failure, not a skip).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from start import ROOT, environment


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
    quiet = {
        "stdout": subprocess.DEVNULL,
        "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    }
    subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
    subprocess.run(["apt-get", "install", "-y", "-qq", program, *more], check=False, **quiet)
    return shutil.which(program)


def check_javascript() -> list[str]:
    """Check the label page's JavaScript, where node is or can be installed; return what failed."""
    npm = shutil.which("npm") or debian("npm", "nodejs")
    if not npm:
        print("\nThe label page's JavaScript is not checked: npm is missing.", flush=True)
        return ["npm"] if os.environ.get("CI") == "true" else []
    lock, installed = ROOT / "package-lock.json", ROOT / "node_modules" / ".package-lock.json"
    current = installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime
    for step in [["run", "check"]] if current else [["ci"], ["run", "check"]]:
        print("\n$ npm", *step, flush=True)
        if subprocess.run([npm, *step], cwd=ROOT).returncode:
            return ["npm"]
    return []


def main() -> int:
    """Run every check, also after one has failed, and return 1 if any did."""
    arguments = sys.argv[1:]
    with_browser = "--no-browser" not in arguments
    arguments = [argument for argument in arguments if argument != "--no-browser"]
    python = str(environment("requirements-dev.txt"))

    variables = dict(os.environ)
    variables.setdefault("FEWSHOT_LAB_TEST_DATA", str(ROOT.parent / "shared" / "datasets"))
    if with_browser and (path := browser()):
        variables["FEWSHOT_LAB_CHROMIUM"] = path
    pytest = [python, "-m", "pytest"]
    if arguments:
        tests = [[*pytest, *([] if with_browser else ["-m", "not e2e"]), *arguments]]
    else:
        # Unit tests side by side; the browser tests alone, for a person's patience is their clock.
        workers = str(min(os.cpu_count() or 1, 8))
        tests = [[*pytest, "-m", "not e2e", "-n", workers, "--dist", "loadfile"]]
        if with_browser:
            tests.append([*pytest, "-m", "e2e"])
    steps = [
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy"],
        *tests,
    ]
    failed = []
    for step in steps:
        print("\n$", " ".join(["python", *step[1:]]), flush=True)
        if subprocess.run(step, cwd=ROOT, env=variables).returncode:
            failed.append(step[2])
    failed += check_javascript()
    if failed:
        print("\nFailed:", ", ".join(failed), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
