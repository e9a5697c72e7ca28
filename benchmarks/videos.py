"""What a 10-minute video costs to import, and one frame of it to read.

    python benchmarks/videos.py [--minutes 10] [--size 1280x720]

Writes a video with PyAV into a temporary folder (H.264, B-frames, a key frame every 10 s), imports
it at one and at five frames a second, and reads frames in random order and one after the other.
Memory is the largest resident set of the process that imports, less what it has after loading.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
IMPORT = """
import json, resource, sys, time
from pathlib import Path
from fewshot_lab.images import ClipSettings, read_rgb, plan_clip
from fewshot_lab.project import Project
with Project.create(sys.argv[1], home=sys.argv[2]) as project:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    frames = json.loads(sys.argv[4])
    report = project.import_images(Path(sys.argv[3]), clips=ClipSettings(frames, most=10**6))
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    images = report.added + sum(report.passed_over.values())
    done = {"images": images, "left_out": report.passed_over, "seconds": seconds}
    print(json.dumps(done | {"MB": (after - before) / 1024}))
"""


def write(file: Path, minutes: float, size: tuple[int, int]) -> int:
    """Write a video whose picture moves over a texture; return how many frames it has."""
    import av

    width, height = size
    rng = np.random.default_rng(0)
    texture = rng.integers(40, 220, (height // 8 + 64, width // 8 + 64, 3)).astype(np.uint8)
    texture = np.kron(texture, np.ones((8, 8, 1), np.uint8))
    frames = round(minutes * 60 * 25)
    with av.open(str(file), "w") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"preset": "ultrafast", "bf": "2", "g": "250"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            x, y = number % 400, (number // 3) % 400
            picture = np.ascontiguousarray(texture[y : y + height, x : x + width])
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--size", default="1280x720")
    options = parser.parse_args()
    size = tuple(int(side) for side in options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "video.mp4"
        frames = write(video, options.minutes, size)
        print(
            f"{options.minutes:g} min, {options.size}, {frames:,} frames, "
            f"{video.stat().st_size / 1e6:.0f} MB"
        )
        for name, rate in (("one a second", 1.0), ("5 a second", 5.0)):
            home = Path(folder) / name.replace(" ", "-")
            arguments = ["p", str(home), str(video), json.dumps(rate)]
            command = [sys.executable, "-c", IMPORT, *arguments]
            environment = os.environ | {"PYTHONPATH": str(ROOT), "FEWSHOT_LAB_HOME": str(home)}
            done = json.loads(
                subprocess.run(command, env=environment, capture_output=True, check=True).stdout
            )
            per_thousand = 1000 * done["seconds"] / done["images"]
            print(
                f"{name}: {done['images']} frames in {done['seconds']:.1f} s, "
                f"{per_thousand:.1f} s per 1,000 frames, "
                f"{done['MB']:.0f} MB more memory, left out {done['left_out']}"
            )
        sys.path.insert(0, str(ROOT))
        from fewshot_lab.images import read_rgb

        began = time.perf_counter()
        read_rgb(video, 0)
        print(f"index and first frame: {time.perf_counter() - began:.2f} s")
        numbers = random.Random(0).sample(range(frames), 40)
        began = time.perf_counter()
        for number in numbers:
            read_rgb(video, number)
        apart = (time.perf_counter() - began) / 40
        began = time.perf_counter()
        for number in range(1000, 1200):
            read_rgb(video, number)
        beside = (time.perf_counter() - began) / 200
        print(
            f"a frame anywhere: {1000 * apart:.0f} ms; the next one: {1000 * beside:.1f} ms "
            f"({apart / beside:.0f} to 1)"
        )


if __name__ == "__main__":
    main()
