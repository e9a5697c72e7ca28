"""Freed memory is there for the next use."""

import json
import subprocess
import sys

import pytest

ROUNDS = """
import json, resource
from pathlib import Path
from fewshot_lab.allocator import freed_memory_kept

def use():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [b"x" * 64_000_000 for _ in range(2)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])

usual = [use(), use()]
with freed_memory_kept():
    kept = [use(), use()]
    within = held()
print(json.dumps({"usual": usual, "kept": kept, "within": within, "after": held()}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_memory_used_a_second_time_costs_no_pages() -> None:
    done = subprocess.run([sys.executable, "-c", ROUNDS], capture_output=True, check=True)
    counts = json.loads(done.stdout)
    assert min(counts["usual"]) > 10_000
    assert counts["kept"][0] > 10_000
    assert counts["kept"][1] < 100
    assert counts["within"] > 120e6
    assert counts["after"] < 60e6
