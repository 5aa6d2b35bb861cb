"""Who executes the tasks: threads of this process, or the workers of a Dask cluster."""

import os
import threading
import uuid
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

from course_lib.grading.execute import execute, never_ran
from course_lib.grading.plan import RunError

DEADLY = 2  # workers that a submission may take down
TOPIC = "course-grade"


class Threads:
    """Each thread talks to one kernel at a time; the work is in the kernels."""

    def __init__(self, workers: int | None = None):
        workers = workers or os.cpu_count() or 1
        self.room = 2 * workers  # none waits for the next, few are held in memory
        self.executor = ThreadPoolExecutor(workers)

    def submit(self, text: str) -> Future[str]:
        """Execute a task in the next free thread."""
        return self.executor.submit(execute, text)

    def everywhere(self, text: str) -> list[Future[str]]:
        """This process is one machine."""
        return [self.submit(text)]

    def close(self) -> None:
        self.executor.shutdown(cancel_futures=True)


class Cluster:
    """The workers of a Dask scheduler; they see tasks, and neither gradebook nor files.

    Dask starts a task again elsewhere when its worker dies. Each start is counted here,
    so that a submission which has taken down two workers is given up, and it alone.
    """

    def __init__(self, address: str):
        """Raises RunError if nobody answers at the address."""
        from distributed import Client

        try:
            self.client = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise RunError(f"no Dask scheduler answers at {address}: {error}") from None
        self.workers = list(self.client.scheduler_info(n_workers=-1)["workers"])
        if not self.workers:
            raise RunError(f"the scheduler at {address} has no workers: start some")
        self.room = 2 * sum(self.client.nthreads().values())
        self.tasks: dict[str, tuple[str, Future[str]]] = {}
        self.starts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.client.subscribe_topic(TOPIC, self.started)

    def submit(self, text: str, **where: object) -> Future[str]:
        """Execute a task on some worker, wherever it may have to be tried again."""
        name, answer = uuid.uuid4().hex, Future()
        self.tasks[name] = text, answer
        self.launch(name, **where)
        return answer

    def everywhere(self, text: str) -> list[Future[str]]:
        """Execute a task on each worker."""
        return [self.submit(text, workers=[worker]) for worker in self.workers]

    def launch(self, name: str, **where: object) -> None:
        """Send a task to the scheduler."""
        text = self.tasks[name][0]
        key = f"{TOPIC}-{name}-{uuid.uuid4().hex[:8]}"
        future = self.client.submit(on_worker, text, name, key=key, pure=False, **where)
        future.add_done_callback(lambda done: self.ended(name, done))

    def started(self, event: tuple) -> None:
        """A worker has begun a task: for the third time, if it took two workers down."""
        name = event[1]
        self.starts[name] += 1
        if self.starts[name] > DEADLY:
            self.give_up(name)

    def ended(self, name: str, future) -> None:
        """Pass a result on; a task that others took down with them starts anew."""
        from distributed import KilledWorker

        if future.status == "finished":
            self.answer(name, future.result())
        elif future.status == "error":
            error = future.exception()
            if not isinstance(error, KilledWorker):
                self.answer(name, error)
            elif self.starts[name] >= DEADLY:
                self.give_up(name)
            else:
                self.launch(name)

    def give_up(self, name: str) -> None:
        """No worker is risked any more for this task."""
        if name in self.tasks:
            why = f"took {DEADLY} workers down"
            self.answer(name, never_ran(self.tasks[name][0], why))

    def answer(self, name: str, result: str | BaseException) -> None:
        """Fulfil the promise that submit gave, once."""
        with self.lock:
            _, answer = self.tasks.pop(name, ("", None))
        if answer is None:
            return
        if isinstance(result, BaseException):
            answer.set_exception(result)
        else:
            answer.set_result(result)

    def close(self) -> None:
        self.client.close()


def on_worker(text: str, name: str) -> str:
    """What a worker runs: execute, announced."""
    from distributed import get_worker

    get_worker().log_event(TOPIC, name)
    return execute(text)
