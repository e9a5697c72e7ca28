"""A small terminal for the tests, run as a process of its own like the real one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.jobs import worker


def count(progress, run: Path, seconds: float, total: int = 1000) -> None:
    for done in range(total):
        progress("counting", done, total)
        (run / "reached").write_text(str(done))
        time.sleep(seconds)
    progress("counting", total, total)


def main() -> None:
    verb, _project, *args = sys.argv[1:]
    if args[0] == "--bad":
        sys.stderr.write("Error: there is no option --bad.\n")
        sys.exit(2)
    run = Path(args[args.index("--job") + 1])
    what = args[0]
    with worker(run) as progress:
        if what == "quick":
            count(progress, run, 0.0, 50)
        elif what == "slow":
            count(progress, run, 0.02)
        elif what == "deaf":
            sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
            child = subprocess.Popen(sleep, start_new_session=True)
            (run / "child").write_text(str(child.pid))
            (run / "reached").write_text("0")
            progress("thinking", 0, None)
            time.sleep(600)
        elif what == "alone":
            # Fails if another heavy job is at work: the folder is there once.
            busy = run.parent.parent.parent / "busy"
            busy.mkdir()
            count(progress, run, 0.02, 20)
            busy.rmdir()
        elif what == "refused":
            raise FewshotLabError("The disk is full: make room.")
        elif what == "broken":
            progress("counting", 1, 2)
            raise KeyError("surprise")
        elif what == "fork":
            child = os.fork()
            if child == 0:
                time.sleep(600)
                os._exit(0)
            count(progress, run, 0.0, 50)
            os.kill(child, signal.SIGTERM)
            _, how = os.waitpid(child, 0)
            if not (os.WIFSIGNALED(how) and os.WTERMSIG(how) == signal.SIGTERM):
                raise FewshotLabError("The child did not end by the signal.")
            count(progress, run, 0.0, 50)
    sys.stdout.write(f"done {verb}\n")


if __name__ == "__main__":
    main()
