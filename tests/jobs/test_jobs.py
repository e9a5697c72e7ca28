"""What the screen relies on when work goes on for long, in processes of its own."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.jobs import Job, list_jobs, running, start, worker

pytestmark = pytest.mark.slow

ROOT = str(Path(__file__).parents[2])
COMMAND = [sys.executable, str(Path(__file__).with_name("verbs.py"))]


@pytest.fixture
def project(tmp_path: Path):
    folder = tmp_path / "home" / "blood"
    folder.mkdir(parents=True)
    yield folder
    for job in running(folder):
        job.stop(force=True)


def until(truth, seconds: float = 60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := truth():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about")


def begin(project: Path, what: str, verb: str = "import") -> Job:
    return start(project, verb, [what], command=COMMAND)


def reached(job: Job) -> bool:
    return (job.folder / "reached").exists() and job.status().state == "running"


def pid_of(job: Job) -> int:
    return json.loads((job.folder / "status.json").read_text())["process"]["pid"]


def ended(job: Job):
    return until(lambda: None if job.status().active else job.status())


def test_a_job_goes_from_queued_to_finished_and_keeps_its_log(project: Path) -> None:
    job = begin(project, "quick")
    assert job.status().state in ("queued", "running", "finished")
    status = ended(job)
    assert (status.state, status.stage, status.done, status.total) == (
        "finished",
        "counting",
        50,
        50,
    )
    assert status.message == "" and status.ended is not None and status.ended >= status.started
    until(lambda: "done import" in job.log())
    assert [found.id for found in list_jobs(project)] == [job.id]
    assert running(project) == []


def test_progress_has_a_rate_and_the_seconds_left(project: Path) -> None:
    job = begin(project, "slow")
    status = until(lambda: s if (s := job.status()).rate else None)
    assert 0 < status.rate <= 51  # it sleeps 20 ms after each
    assert status.seconds_left == pytest.approx((1000 - status.done) / status.rate)
    job.stop()
    assert ended(job).rate is None


def test_stop_ends_at_the_next_progress(project: Path) -> None:
    job = begin(project, "slow")
    until(lambda: reached(job))
    assert running(project, "import") == [job] and running(project, "embed") == []
    job.stop()
    status = ended(job)
    assert status.state == "stopped" and 0 <= status.done < 1000
    job.stop()  # once more does no harm
    assert job.status().state == "stopped"


def test_sigterm_from_outside_stops_too(project: Path) -> None:
    job = begin(project, "slow")
    until(lambda: reached(job))
    os.kill(pid_of(job), signal.SIGTERM)
    assert ended(job).state == "stopped"


def test_a_stop_right_after_the_start_counts(project: Path) -> None:
    job = begin(project, "slow")
    job.stop()
    assert ended(job).state == "stopped"


def test_what_does_not_listen_can_be_ended_with_all_it_started(project: Path) -> None:
    job = begin(project, "deaf")
    until(lambda: reached(job))
    job.stop()
    assert job.status().active
    child = psutil.Process(int((job.folder / "child").read_text()))
    job.stop(force=True)
    assert ended(job).state == "stopped"

    def gone() -> bool:
        try:
            return child.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    until(gone)


def test_a_killed_job_reads_as_lost_and_can_be_started_again(project: Path) -> None:
    job = begin(project, "slow")
    until(lambda: reached(job))
    os.kill(pid_of(job), signal.SIGKILL)
    status = ended(job)
    assert status.state == "lost" and "start it again" in status.message
    again = begin(project, "quick")
    assert ended(again).state == "finished"
    assert [found.id for found in list_jobs(project)] == [again.id, job.id]


def test_a_zombie_is_not_taken_for_a_living_job(project: Path, tmp_path: Path) -> None:
    # A parent that starts a job, kills it, and never takes note of its end.
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, sys, threading, time\n"
        "from pathlib import Path\n"
        "from fewshot_lab.jobs import start\n"
        "threading.Thread.start = lambda self: None  # nobody reaps\n"
        "job = start(Path(sys.argv[1]), 'import', ['slow'], command=sys.argv[2:])\n"
        "print(job.folder, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, str(script), str(project), *COMMAND],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )
    try:
        run = Path(parent.stdout.readline().strip())
        job = Job(run.name, "import", run)
        until(lambda: reached(job))
        pid = pid_of(job)
        os.kill(pid, signal.SIGKILL)
        assert ended(job).state == "lost"
        if Path("/proc").is_dir():
            stat = Path(f"/proc/{pid}/stat").read_text()
            assert stat.rpartition(")")[2].split()[0] == "Z"
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_whoever_started_a_job_leaves_no_zombie(project: Path) -> None:
    job = begin(project, "slow")
    until(lambda: reached(job))
    pid = pid_of(job)
    os.kill(pid, signal.SIGKILL)

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)


def test_another_process_with_the_same_number_is_not_the_job(project: Path) -> None:
    job = begin(project, "slow")
    until(lambda: reached(job))
    os.kill(pid_of(job), signal.SIGKILL)
    ended(job)
    status = json.loads((job.folder / "status.json").read_text())
    status["process"]["pid"] = os.getpid()  # the number was given to somebody else
    (job.folder / "status.json").write_text(json.dumps(status))
    assert job.status().state == "lost"
    job.stop()  # and nobody else is ended for it


def test_a_process_as_an_earlier_version_named_it_is_known_by_its_number() -> None:
    from fewshot_lab.jobs.processes import ProcessId, this_machine

    stored = {"pid": os.getpid(), "started": "123456", "machine": this_machine()}
    named = ProcessId.read(stored)
    assert named is not None and named.process() is not None
    assert ProcessId(os.getpid(), 0.5, this_machine()).process() is None


def test_a_job_of_an_earlier_boot_is_judged_by_its_signs_of_life(project: Path) -> None:
    job = begin(project, "quick")
    ended(job)
    status = json.loads((job.folder / "status.json").read_text())
    status.update(state="running", heartbeat=time.time())
    status["process"]["machine"] = "another host|another boot|"
    (job.folder / "status.json").write_text(json.dumps(status))
    assert job.status().state == "running"
    status["heartbeat"] -= 3600
    (job.folder / "status.json").write_text(json.dumps(status))
    assert job.status().state == "lost"


def test_a_slow_job_is_running_not_lost(project: Path) -> None:
    job = begin(project, "slow")
    until(lambda: reached(job))
    os.kill(pid_of(job), signal.SIGSTOP)
    try:
        until(lambda: job.status().quiet_seconds > 3)
        assert job.status().state == "running"
    finally:
        os.kill(pid_of(job), signal.SIGCONT)
    job.stop()
    assert ended(job).state == "stopped"


def test_errors_end_in_one_sentence(project: Path) -> None:
    refused, broken, bad = (begin(project, what) for what in ("refused", "broken", "--bad"))
    status = ended(refused)
    assert (status.state, status.message) == ("failed", "The disk is full: make room.")
    status = ended(broken)
    assert status.state == "failed" and "see the log" in status.message
    until(lambda: "KeyError: 'surprise'" in broken.log())
    status = ended(bad)
    assert (status.state, status.message) == ("failed", "Error: there is no option --bad.")
    with pytest.raises(FewshotLabError, match="could not be started"):
        start(project, "import", command=["/nowhere/python"])


def test_on_a_full_disk_the_last_word_is_still_read(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = project / "jobs" / "one"
    run.mkdir(parents=True)
    (run / "spec.json").write_text('{"verb": "import"}')
    full = OSError(errno.ENOSPC, "No space left on device")

    def cannot(*_: object, **__: object) -> None:
        raise full

    with pytest.raises(OSError, match="No space left"), worker(run) as progress:
        progress("reading", 3, 10)
        monkeypatch.setattr("fewshot_lab.jobs.reporter.write_json", cannot)
        raise full
    status = Job("one", "import", run).status()
    assert (status.state, status.done) == ("failed", 3)
    assert status.message.startswith("The disk is full (No space left on device): make room")


def test_two_heavy_jobs_never_work_at_once(project: Path) -> None:
    other = project.parent / "skin"
    other.mkdir()
    jobs = [begin(folder, "alone", "embed") for folder in (project, other, project)]
    seen = set()

    def all_ended() -> bool:
        states = [job.status() for job in jobs]
        assert sum(state.state == "running" for state in states) <= 1
        seen.update(state.message for state in states if state.state == "queued")
        return not any(state.active for state in states)

    until(all_ended)
    assert [job.status().state for job in jobs] == ["finished"] * 3
    assert any("Waiting until the work on “" in message for message in seen)


def test_a_queued_job_can_be_stopped_and_a_dead_one_does_not_hold_the_line(project: Path) -> None:
    first = begin(project, "slow", "embed")
    until(lambda: reached(first))
    second, third = begin(project, "quick", "embed"), begin(project, "quick", "embed")
    until(lambda: "Waiting" in second.status().message and "Waiting" in third.status().message)
    light = begin(project, "quick", "export")
    assert ended(light).state == "finished"
    second.stop()
    assert ended(second).state == "stopped"
    assert third.status().state == "queued"
    os.kill(pid_of(first), signal.SIGKILL)
    assert ended(third).state == "finished"
    assert first.status().state == "lost"


def test_who_waits_may_begin_all_the_same(project: Path) -> None:
    first = begin(project, "slow", "embed")
    until(lambda: reached(first))
    second = begin(project, "quick", "embed")
    until(lambda: second.waits_in_queue)
    second.begin_now()
    assert ended(second).state == "finished"
    assert not second.waits_in_queue
    assert first.status().state == "running"
    first.stop()
    ended(first)


def test_jobs_wait_for_those_that_use_the_same(tmp_path: Path, monkeypatch) -> None:
    from fewshot_lab.jobs.queue import is_heavy, queue_slot, uses

    def spec(**facts):
        return {"verb": "pretrain", "project": "blood", "name": "night", **facts}

    monkeypatch.setenv("FEWSHOT_LAB_QUEUE", str(tmp_path / "line"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,3")
    assert uses(spec()) == ["gpu 0"]
    assert uses(spec(device="cuda", nproc=2)) == ["gpu 0", "gpu 1"]
    assert uses(spec(device="cuda", gpus=[1, 3], nproc=2)) == ["gpu 1", "gpu 3"]
    assert uses(spec(args=["--device", "cuda:2"])) == ["gpu 3"]
    monkeypatch.setenv("FEWSHOT_LAB_HOME", "/one")
    mine = spec(device="cpu")
    assert uses(mine) == ["cpu of /one"]
    assert not is_heavy(spec(launcher="slurm"))

    met = []

    def waiting(sentence: str) -> bool:
        met.append(sentence)
        return True

    def meets(facts) -> bool:
        met.clear()
        with queue_slot(facts, waiting):
            return bool(met)

    with queue_slot(mine, waiting), queue_slot(spec(device="cuda", gpus=[0, 1]), waiting):
        assert not met
        assert meets(mine)
        assert meets(spec(device="cuda", gpus=[1]))
        assert not meets(spec(device="cuda", gpus=[3]))
        monkeypatch.setenv("FEWSHOT_LAB_HOME", "/two")
        assert not meets(spec(device="cpu"))
        assert meets(spec(device="cuda"))  # another home, the same GPU
        assert met == ["Waiting until the run “night” of “blood” has ended."]


def test_delete_takes_the_run_away_but_not_under_a_running_job(project: Path) -> None:
    job = begin(project, "slow")
    until(lambda: reached(job))
    with pytest.raises(FewshotLabError, match="stop it first"):
        job.delete()
    job.stop()
    ended(job)
    job.delete()
    assert list_jobs(project) == [] and not job.folder.exists()


def test_a_job_outlives_the_process_that_started_it(project: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom fewshot_lab.jobs import start\n"
        "print(start(Path(sys.argv[1]), 'import', ['slow'], command=sys.argv[2:]).folder)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(project), *COMMAND],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )
    (job,) = list_jobs(project)
    assert out.stdout.strip() == str(job.folder)
    until(lambda: reached(job))
    before = job.status().done
    until(lambda: job.status().done > before)
    job.stop()
    assert ended(job).state == "stopped"


def test_sigterm_ends_a_loader_that_was_forked_from_the_worker(project: Path) -> None:
    status = ended(begin(project, "fork"))
    assert (status.state, status.message) == ("finished", "")


def test_stale_files_are_no_jobs(project: Path) -> None:
    (project / "jobs" / "20260101-000000-000000-embed").mkdir(parents=True)
    (project / "jobs" / "notes.txt").write_text("x")
    broken = project / "jobs" / "20260101-000000-000001-embed"
    broken.mkdir()
    (broken / "spec.json").write_text('{"verb": "embed", "created": 0')
    assert list_jobs(project) == []
    (broken / "spec.json").write_text('{"verb": "embed", "created": 0}')
    (broken / "status.json").write_text("half")
    (job,) = list_jobs(project)
    assert job.status().state == "lost"
