"""The files that a server is set up with: valid, complete, and doing what they say."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BESIDE = Path(sys.executable).parent
"""Where pip puts programs."""


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def program(name: str) -> str:
    found = shutil.which(name, path=f"{BESIDE}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_the_environment_file_has_every_variable_that_the_app_reads() -> None:
    files = [ROOT / "app.py", *(ROOT / "fewshot_lab").rglob("*.py")]
    read = {name for f in files for name in re.findall(r"FEWSHOT_LAB_[A-Z_]+", f.read_text())}
    listed = (DEPLOY / "fewshot-lab.env.example").read_text()
    named = re.findall(r"^#?(FEWSHOT_LAB_[A-Z_]+)=", listed, re.MULTILINE)
    assert len(named) == len(set(named))
    assert read <= set(named)
    others = "".join(file.read_text() for file in DEPLOY.iterdir() if file.suffix != ".example")
    assert all(name in others for name in set(named) - read)


def test_compose_keeps_to_its_schema() -> None:
    command = [program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    done = run(*command, DEPLOY / "compose.yaml", DEPLOY / "compose.cuda.yaml")
    assert done.returncode == 0, done.stdout


def test_only_the_proxy_is_open_and_every_log_is_changed() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert services["app"]["read_only"] and services["app"]["networks"] == ["inside"]
    assert (ROOT / services["app"]["build"]["dockerfile"]).exists()
    assert (DEPLOY / services["proxy"]["volumes"][0].partition(":")[0]).exists()


def test_the_dockerfile_is_clean() -> None:
    done = run(program("hadolint"), DEPLOY / "Dockerfile")
    assert done.returncode == 0, done.stdout


def test_the_service_is_valid_and_hardened(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    text = (DEPLOY / "fewshot-lab.service").read_text()
    unit = tmp_path / "fewshot-lab.service"
    unit.write_text(text.replace("/opt/fewshot-lab/.venv/bin/python", sys.executable))
    done = run(analyze, "verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")
    done = run(analyze, "security", "--offline=true", "--threshold=25", unit)
    assert done.returncode == 0, done.stdout[-500:]


def test_the_service_may_write_where_the_environment_file_proposes() -> None:
    service = (DEPLOY / "fewshot-lab.service").read_text()
    roots = {"State": "/var/lib", "Cache": "/var/cache", "Logs": "/var/log"}
    writable = [
        f"{roots[kind]}/{name}"
        for kind, names in re.findall(r"^(State|Cache|Logs)Directory=(.*)", service, re.MULTILINE)
        for name in names.split()
    ]
    proposed = (DEPLOY / "fewshot-lab.env.example").read_text() + service
    paths = re.findall(r"(?<==)/var/\S+", proposed)
    assert "/var/log/fewshot-lab/app.log" in paths
    for path in paths:
        assert any(Path(path).is_relative_to(folder) for folder in writable), path
    temporary = re.search(r"^Environment=TMPDIR=(.*)", service, re.MULTILINE)[1]
    assert temporary in writable  # systemd makes it


@pytest.mark.parametrize("variant", ["cpu", "cuda"])
def test_a_variant_installs_what_the_lock_says(variant: str, tmp_path: Path) -> None:
    for name in ("requirements.txt", "requirements.lock", "pyproject.toml", "deploy/variant.sh"):
        shutil.copy(ROOT / name, tmp_path)
    pip = tmp_path / "bin" / "pip"
    pip.parent.mkdir()
    pip.write_text('#!/bin/sh\necho "$@" >>pip.log\n')
    pip.chmod(0o755)
    path = {"PATH": f"{pip.parent}:{os.environ['PATH']}"}
    assert run("sh", "variant.sh", "cpu", cwd=tmp_path, env=path).returncode == 1  # no index
    stage = (DEPLOY / "Dockerfile").read_text()
    extras = re.search('^ARG EXTRAS="(.*)"', stage, re.MULTILINE)[1]
    assert f"EXTRAS:-{extras}}}" in (DEPLOY / "compose.yaml").read_text()
    done = run("sh", "variant.sh", variant, "INDEX", extras, cwd=tmp_path, env=path)
    assert done.returncode == 0, done.stderr
    wanted, pinned = ((tmp_path / f"{n}.txt").read_text() for n in ("wanted", "pinned"))
    names = re.findall(r"^([\w-]+)", wanted.replace("_", "-"), re.MULTILINE)
    assert {"psycopg", "openslide-python", "av", "highdicom", "h5py"} <= set(names)
    released = re.findall(r"^([\w-]+)==", pinned.replace("_", "-"), re.MULTILINE)
    assert set(names) <= {*released, "torch", "torchvision"}
    if variant == "cuda":
        assert pinned == (ROOT / "requirements.lock").read_text()
        return
    assert re.findall("^faiss.*", wanted, re.MULTILINE) == ["faiss-cpu"]
    assert not re.search("^(nvidia|cuda|triton|faiss-gpu)", pinned, re.MULTILINE)
    assert re.search(r"^faiss-cpu==[\d.]+$", pinned, re.MULTILINE)
    log = (tmp_path / "pip.log").read_text()
    assert re.fullmatch(r"install torch==\S+ torchvision==\S+ --index-url INDEX\n", log)


@pytest.mark.slow
def test_what_the_dockerfile_copies_is_enough_to_run(tmp_path: Path) -> None:
    """Its last stage by hand, in a clean folder, with its own command and its own check."""
    stage = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").rpartition("\nFROM ")[2]
    ignored = (ROOT / ".dockerignore").read_text().split()
    here = tmp_path / "app"
    for words in re.findall("^COPY (?!--from)(.*)", stage, re.MULTILINE):
        *sources, target = words.split()
        for source in sources:
            assert f"!{source}" in ignored
            place = here / target / source if target == "./" else here / target
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
    entry, command, check = (
        json.loads(re.search(rf"^{word} .*?(\[.*\])$", stage, re.MULTILINE)[1])
        for word in ("ENTRYPOINT", "CMD", "HEALTHCHECK")
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = os.environ | {
        "FEWSHOT_LAB_HOME": str(tmp_path / "projects"),
        "FEWSHOT_LAB_SIGN_IN": "accounts",
        "PYTHONPATH": str(here),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    words = [sys.executable, *entry[1:], *(w.replace("8501", port) for w in command)]
    words = [word.replace("0.0.0.0", "127.0.0.1") for word in words]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(words, cwd=here, env=environment, stdout=log, stderr=log)
    try:
        healthy = [sys.executable, *(word.replace("8501", port) for word in check[1:])]
        for _ in range(120):
            if (done := run(*healthy)).returncode == 0 or server.poll() is not None:
                break
            time.sleep(0.5)
        assert done.returncode == 0, (tmp_path / "log").read_text()[-2000:]
    finally:
        server.kill()
        server.wait()
    doctor = run(*words[:3], "doctor", "--json", cwd=here, env=environment)
    assert json.loads(doctor.stdout)["ok"], doctor.stdout
