"""A class from submissions to marks: sanitize, execute, record, and resume.

What was executed is kept under grading/<unit>/, named by a hash of all that it depends
on, and what was recorded in grades.jsonl. A run that was killed at any moment is simply
started again: it goes on from there and ends with the same marks.
"""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import nbformat
from nbformat import NotebookNode

from course_lib.grading import canaries, submissions, suspicion
from course_lib.grading.canaries import is_check
from course_lib.grading.execute import task
from course_lib.grading.marks import GRADED, MISSING, TAMPERED, UNREADABLE, Mark
from course_lib.grading.plan import (
    Desk,
    Options,
    RunError,
    digest,
    environment_hash,
    name_of,
    source_hash,
    standing,
    unmet,
)
from course_lib.grading.record import RecordError, Register, failure
from course_lib.grading.sanitize import (
    Sanitized,
    Template,
    Unreadable,
    graded_path,
    sanitize,
)

FINAL = ("TimedOut", "NotRun", "NotAnswered")  # a run of the lesson cannot change these


class Pool(Protocol):
    """Who executes tasks: threads of this process, or a Dask cluster."""

    room: int  # tasks that it takes before one has ended

    def submit(self, text: str) -> Future[str]: ...

    def everywhere(self, text: str) -> list[Future[str]]:
        """Execute a task once on each machine."""
        ...


@dataclass(frozen=True)
class Job:
    """One submission on its way; `first` is the result of an earlier, first pass."""

    student: str
    submission: str  # hash of its files
    sanitized: Sanitized
    full: bool
    first: dict | None = None
    key: str = ""
    nonces: dict[str, str] | None = None


class Run:
    """One run of the grader over a class."""

    def __init__(self, desk: Desk, options: Options, pool: Pool):
        """Raises RunError where the unit cannot be graded here."""
        self.desk, self.unit, self.options, self.pool = desk, desk.unit, options, pool
        self.flying: dict[Future[str], Job] = {}
        self.source, self.modules = source_hash(desk.unit), desk.modules
        self.results = desk.folder / "results"
        self.results.mkdir(parents=True, exist_ok=True)
        try:
            self.template = Template.of(desk.unit)
            trials = self.pool.everywhere(self.reference())
            self.register = Register(desk.unit, desk.database)
            self.register.enrol(self.template)
        except (Unreadable, RecordError) as error:
            raise RunError(str(error)) from None
        for trial in trials:
            self.healthy = self.self_test(json.loads(trial.result()))

    def grade(self, students: list[str]) -> Iterator[Mark]:
        """Grade these students; each mark comes once it stands in gradebook and log."""
        waiting = iter(students)
        while True:
            while len(self.flying) < self.pool.room:
                student = next(waiting, None)
                if student is None:
                    break
                if mark := self.take(student):
                    yield mark
            if not self.flying:
                return
            for future in wait(self.flying, return_when=FIRST_COMPLETED).done:
                job = self.flying.pop(future)
                result = self.judge(job, json.loads(future.result()))
                if mark := self.land(job, result):
                    yield mark

    # --- the environment -------------------------------------------------------------

    def reference(self) -> str:
        """The task that runs the graded path of the reference solution."""
        solution = nbformat.read(self.unit.solution, as_version=4)
        notebook = nbformat.v4.new_notebook(metadata=solution.metadata)
        answers = {cell.id: cell.source for cell in solution.cells}
        for cell in self.template.cells:
            source = answers[cell.id]
            notebook.cells.append(nbformat.from_dict({**cell, "source": source}))
        path = graded_path(self.template, notebook)
        armed, self.nonces = canaries.with_canaries(path, self.template.own)
        return self.task(armed, self.template.files)

    def self_test(self, result: dict) -> dict[str, dict[str, str]]:
        """What canaries say in health; RunError unless the solution is all right."""
        notebook = nbformat.from_dict(result["notebook"])
        notebook, healthy = canaries.without_canaries(notebook, self.nonces)
        broken = [cell for cell in notebook.cells if failure(cell)]
        if broken or result["status"] != GRADED:
            reason = failure(broken[0]) if broken else result["why"]
            where = f" in cell {broken[0].id}" if broken else ""
            packages = f"; packages: {', '.join(unmet())}" if unmet() else ""
            raise RunError(
                f"the reference solution of {self.unit.name} does not get full marks "
                f"here{where}: {reason}{packages}. Nobody was graded; mend the "
                "environment (make clean, then make test) and run again"
            )
        return healthy

    # --- one submission --------------------------------------------------------------

    def task(self, notebook: NotebookNode, files: dict[str, str]) -> str:
        """The task for whoever executes it."""
        hidden, unsafe = str(self.unit.root), self.options.unsafe
        limits, modules = self.options.limits, self.modules
        return task(
            notebook, files, limits, hidden=hidden, unsafe=unsafe, modules=modules
        )

    def take(self, student: str) -> Mark | None:
        """Sanitize a submission and send it on; its mark if that is all."""
        folder = submissions.folder_of(self.unit, student)
        if not os.path.lexists(folder):
            return self.note(
                Mark(self.unit.name, student, MISSING, "nothing handed in")
            )
        submission = submissions.digest(self.unit, student)
        try:
            path = submissions.notebook_of(self.unit, student)
            sanitized = sanitize(self.template, path)
        except (Unreadable, submissions.NoSubmissions) as error:
            why = f"{error}; ask for the file again"
            return self.refuse(student, submission, why)
        except Exception as error:  # unforeseen; nobody else shall suffer from it
            why = (
                f"the grader fails on it, report this: {type(error).__name__}: {error}"
            )
            return self.refuse(student, submission, why)
        if path.name != self.unit.student.name:
            sanitized.notes.append(f"the file was called {path.name}")
        return self.send(Job(student, submission, sanitized, self.options.full))

    def send(self, job: Job) -> Mark | None:
        """Have a submission executed; its mark if the result is known already."""
        notebook = job.sanitized.notebook
        if not job.full:
            notebook = graded_path(self.template, notebook)
        job = replace(job, key=self.key(notebook, job.sanitized.files))
        if known := self.known(job.key):
            return self.land(job, known)
        armed, nonces = canaries.with_canaries(notebook, self.template.own)
        future = self.pool.submit(self.task(armed, job.sanitized.files))
        self.flying[future] = replace(job, nonces=nonces)
        return None

    def key(self, notebook: NotebookNode, files: dict[str, str]) -> str:
        """A hash of all that the result of an execution depends on."""
        cells = [
            (cell.source, cell.metadata.get("tags"), cell.metadata.get("nbgrader"))
            for cell in notebook.cells
            if cell.cell_type == "code"
        ]
        limits = asdict(self.options.limits), self.options.unsafe
        return digest(cells, files, limits, environment_hash())

    def known(self, key: str) -> dict | None:
        """The result of an earlier execution, unless it is to be tried again."""
        try:
            result = json.loads((self.results / f"{key}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        again = self.options.regrade and result["status"] != GRADED
        return None if again or self.options.afresh else result

    def judge(self, job: Job, result: dict) -> dict:
        """Take the canaries out of a result, and keep it with what they have found."""
        notebook = nbformat.from_dict(result["notebook"])
        notebook, found = canaries.without_canaries(notebook, job.nonces)
        evidence = suspicion.evidence(notebook, found, self.healthy)
        result |= {"notebook": notebook, "evidence": evidence}
        path = self.results / f"{job.key}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(result), encoding="utf-8")
        os.replace(part, path)
        return result

    def land(self, job: Job, result: dict) -> Mark | None:
        """Record a result, or send the submission on its full pass."""
        result["notebook"] = nbformat.from_dict(result["notebook"])
        if not job.full and self.options.second_pass and lost(result["notebook"]):
            return self.send(replace(job, full=True, first=result))
        if job.first is not None:
            result = better(job.first, result)
        return self.record(job, result)

    def record(self, job: Job, result: dict) -> Mark:
        """Write gradebook and log."""
        # The text of the student's Markdown may have changed since it was executed.
        ran = {cell.id: cell for cell in result["notebook"].cells}
        cells = [ran.get(c.id, c) if c.cell_type == "code" else c
                 for c in job.sanitized.notebook.cells]  # fmt: skip
        executed = nbformat.from_dict({**job.sanitized.notebook, "cells": cells})
        try:
            grades = self.register.save(job.student, job.sanitized, executed)
        except RecordError as error:
            standing(self.desk)  # a gradebook that does not answer ends the run
            why = f"nbgrader cannot record it: {error}"
            return self.refuse(job.student, job.submission, why)
        return self.note(
            Mark(
                unit=self.unit.name,
                student=job.student,
                status=TAMPERED if result["evidence"] else result["status"],
                why=reason(executed, grades, result),
                grades=grades,
                evidence=result["evidence"],
                notes=job.sanitized.notes,
                submission=job.submission,
                sandbox=result["level"],
                full=job.full,
                seconds=result["seconds"],
                peak=result["peak"],
            )
        )

    def refuse(self, student: str, submission: str, why: str) -> Mark:
        """The mark of what cannot be graded."""
        mark = Mark(self.unit.name, student, UNREADABLE, why, submission=submission)
        return self.note(mark)

    def note(self, mark: Mark) -> Mark:
        """Put a mark into the log, with what it rests on."""
        mark = replace(
            mark,
            source=self.source,
            environment=environment_hash(),
            limits=asdict(self.options.limits),
            time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            gradebook=name_of(self.desk.database),
        )
        self.desk.ledger.append(mark)
        return mark


# --- judging an executed notebook ---------------------------------------------------


def failures(notebook: NotebookNode) -> list[NotebookNode]:
    """The last error of each check that failed."""
    errors = [
        [output for output in cell.outputs if output.output_type == "error"]
        for cell in notebook.cells
        if is_check(cell)
    ]
    return [found[-1] for found in errors if found]


def lost(notebook: NotebookNode) -> bool:
    """Whether points were lost that a run of the whole lesson might give back."""
    return any(error.ename not in FINAL for error in failures(notebook))


def better(first: dict, full: dict) -> dict:
    """The full result, unless it was cut off and gives nothing; costs are added up."""
    gain = len(failures(first["notebook"])) - len(failures(full["notebook"]))
    counts = full if full["status"] == GRADED or gain > 0 else first
    return counts | {
        "evidence": list(dict.fromkeys(first["evidence"] + full["evidence"])),
        "seconds": first["seconds"] + full["seconds"],
        "peak": max(first["peak"], full["peak"]),
    }


def reason(executed: NotebookNode, grades: list, result: dict) -> str:
    """One line on how a mark came about."""
    own = [grade for grade in grades if not grade.by_hand]
    failed = [grade for grade in own if grade.score < grade.max_score]
    what = f"all {len(own)} exercises are right"
    if own and all(grade.message == "not answered" for grade in own):
        what = "no exercise was answered"
    elif failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        what = f"{failed[0].name}: {failed[0].message}{more}"
    said = not result["why"] or "timed out" in what
    return what if said else f"{result['why']}; {what}"
