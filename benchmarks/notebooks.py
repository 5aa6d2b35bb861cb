"""Wall time and peak memory of each unit's solution, and of its graded path.

    python benchmarks/notebooks.py [UNIT…]

Budget: 90 s and 2 GiB on 2 cores for a solution, 5 s for a graded path. Timings are for
reading, not for asserting: machines differ.
"""

import sys
import tempfile
import threading
import time

import psutil
from nbclient import NotebookClient
from nbformat import NotebookNode

from course_lib import build, source


class PeakMemory(threading.Thread):
    """Watches the memory of the processes that this one has started."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.running = 0, True

    def run(self):
        while self.running:
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, total)
            time.sleep(0.1)


def measure(notebook: NotebookNode) -> tuple[float, float]:
    """Seconds and peak GiB of one execution, start of the kernel included."""
    memory = PeakMemory()
    memory.start()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=build.CELL_TIMEOUT,
            resources={"metadata": {"path": folder}},
            extra_arguments=build.QUIET_KERNEL,
        ).execute()
    memory.running = False
    memory.join()
    return time.perf_counter() - start, memory.peak / 2**30


def main(names: list[str]) -> None:
    """Print one line for each unit."""
    print(f"{'unit':<32}{'solution':>18}{'graded path':>20}")
    for unit in build.find_units(build.course_root(), names):
        solution = build.solution_notebook(source.read(unit.source))
        path = measure(build.graded_path(solution))
        whole = measure(solution)
        print(
            f"{unit.name:<32}{whole[0]:8.1f} s {whole[1]:4.2f} GiB"
            f"{path[0]:10.1f} s {path[1]:4.2f} GiB",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
