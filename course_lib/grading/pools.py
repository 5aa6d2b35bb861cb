"""Who executes the tasks: threads of this process, or the workers of a Dask cluster."""

import asyncio
import logging
import os
import threading
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext

from course_lib.grading.execute import Refused, execute, never_ran
from course_lib.grading.plan import RunError

DEADLY = 2  # workers that a submission may take down
CONNECT = 5  # seconds until a scheduler answers
PATIENCE = 60  # seconds without any worker
FOLLOWERS = 256  # tasks on the cluster at a time; a waiting thread each
NAME = "course-grade"
SUSPECTS = threading.Lock()  # of one worker


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
        """Start nothing more; what runs is not waited for."""
        self.executor.shutdown(wait=False, cancel_futures=True)


class Cluster:
    """The workers of a Dask scheduler; they see tasks, and neither gradebook nor files.

    Workers may come, go and die: Dask starts a lost task again elsewhere, and on_worker
    sees to it that no submission takes down one worker after the other. A thread here
    waits for each task.
    """

    def __init__(self, address: str):
        """Raises RunError if nobody answers at the address, or nobody works there."""
        from distributed import Client

        logging.getLogger("distributed.client").setLevel("CRITICAL")  # it raises, too
        try:
            asyncio.run(knock(address))
            self.client = Client(address, timeout=CONNECT, set_as_default=False)
        except (OSError, TypeError, ValueError) as error:
            why = str(error) or f"nothing came within {CONNECT} s"
            raise RunError(f"no Dask scheduler answers at {address}: {why}") from None
        self.address = address
        self.executor = ThreadPoolExecutor(FOLLOWERS)
        self.workers = self.count()
        if not self.workers:
            self.close()
            raise RunError(
                f"the scheduler at {address} has no workers; start some: "
                f"dask worker {address} --nthreads 1"
            )

    def count(self) -> list[str]:
        """The workers at present; as many tasks find room that none of them waits."""
        threads = self.client.nthreads()
        self.room = 2 * max(1, sum(threads.values()))
        return list(threads)

    def submit(self, text: str, **where: object) -> Future[str]:
        """Execute a task on some worker."""
        return self.executor.submit(self.follow, text, **where)

    def everywhere(self, text: str) -> list[Future[str]]:
        """Execute a task on each worker; on another if that one leaves."""
        return [
            self.submit(text, workers=[worker], allow_other_workers=True)
            for worker in self.workers
        ]

    def follow(self, text: str, **where: object) -> str:
        """The result of a task; RunError if the cluster cannot give one."""
        try:
            result = self.insist(text, **where)
            self.count()
            return result
        except (Refused, RunError):
            raise
        except Exception as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise RunError(
                f"the Dask cluster at {self.address} fails ({why}); the marks so far "
                "stand. See that scheduler and workers run, with the packages of this "
                "machine, course_lib included, and run it again"
            ) from None

    def insist(self, text: str, **where: object) -> str:
        """Send a task until Dask does not give it up with the workers it was on."""
        from distributed import KilledWorker

        starts = 0
        while True:
            key = f"{NAME}-{uuid.uuid4().hex}"
            future = self.client.submit(on_worker, text, starts, key=key, **where)
            try:
                return self.wait(future)
            except KilledWorker:  # maybe its neighbours' doing: the starts will tell
                starts = self.client.get_metadata(key, starts)

    def wait(self, future) -> str:
        """The result of a future of Dask, as long as there is a worker to hope for."""
        while True:
            try:
                return future.result(timeout=PATIENCE)
            except TimeoutError:
                if future.status == "error":
                    raise
                self.client.wait_for_workers(1, timeout=PATIENCE)

    def close(self) -> None:
        """Leave the cluster; it forgets what it has not begun."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.client.close()


async def knock(address: str) -> None:
    """OSError, TypeError or ValueError unless a scheduler answers at an address.

    A Client finds out too, but most of what can be wrong keeps it from ending again.
    """
    from distributed import Security, rpc

    tls = Security().get_connection_args("client")
    async with asyncio.timeout(CONNECT), rpc(address, connection_args=tls) as server:
        kind = (await server.identity())["type"]
    if kind != "Scheduler":
        raise ValueError(f"this is a {kind}")


def on_worker(text: str, starts: int) -> str:
    """What a worker runs: execute, unless the task has taken down too many workers.

    starts: how often it was begun under another key. Tasks that were on a worker when
    it died take turns from then on, lest one is blamed for what another does.
    """
    from distributed import get_client, get_worker

    client, key = get_client(), get_worker().get_current_task()
    starts = client.get_metadata(key, starts)
    if starts >= DEADLY:
        return never_ran(text, f"took {DEADLY} workers down")
    with SUSPECTS if starts else nullcontext():
        client.set_metadata(key, starts + 1)
        return execute(text)
