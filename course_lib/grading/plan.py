"""What a run of the grader has to do, and what stands already.

Nothing heavy is imported here: to find that nothing has changed takes no time.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from sqlalchemy import URL, create_engine, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from course_lib.build import Unit
from course_lib.grading import submissions
from course_lib.grading.marks import CUT_OFF, MISSING, Ledger, Mark
from course_lib.grading.sandbox import Limits

GRADER = ("canaries", "execute", "sandbox", "sanitize", "zygote")  # marks rest on it
PACKAGE = "ocean-deep-learning-course"


class RunError(Exception):
    """The run itself cannot go on; no submission is to blame."""


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    limits: Limits = field(default_factory=Limits)
    regrade: bool = False
    full: bool = False
    second_pass: bool = True
    afresh: bool = False  # execute again what has a result
    unsafe: bool = False


@dataclass(frozen=True)
class Desk:
    """Where a unit is graded: its files, the gradebook, the log, the results."""

    unit: Unit
    database: str

    @property
    def ledger(self) -> Ledger:
        """grades.jsonl, beside the gradebook if that is a file."""
        file = self.sqlite
        return Ledger((file.parent if file else self.unit.root) / "grades.jsonl")

    @property
    def sqlite(self) -> Path | None:
        """The gradebook if it is a file."""
        prefix = "sqlite:///"
        local = self.database.startswith(prefix)
        return Path(self.database.removeprefix(prefix)) if local else None

    @property
    def folder(self) -> Path:
        """The results of this unit."""
        return self.unit.root / "grading" / self.unit.name

    @property
    def modules(self) -> list[str]:
        """What the lesson imports that takes long."""
        from course_lib.grading.provisioner import slow_imports

        solution = self.unit.solution
        return slow_imports(
            solution.read_text("utf-8", "replace") if solution.is_file() else ""
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One run at a time; the lock ends with the process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(
                    f"{self.unit.name} is being graded by another run"
                ) from None
            yield


# --- what is to be done -------------------------------------------------------------


def standing(desk: Desk) -> tuple[set[str], set[str]]:
    """Everybody in the gradebook, and whose submission of the unit stands there.

    Asked in SQL: nbgrader's own way costs seconds of imports.
    """
    if desk.sqlite and not desk.sqlite.exists():
        if not desk.sqlite.parent.is_dir():
            raise RunError(f"the gradebook has no folder: {desk.sqlite.parent}")
        return set(), set()
    handed_in = (
        "SELECT student_id FROM submitted_assignment s JOIN assignment a"
        " ON a.id = s.assignment_id WHERE a.name = :unit"
    )
    try:
        engine = create_engine(desk.database, poolclass=NullPool)
        with engine.connect() as connection:
            if not inspect(connection).has_table("submitted_assignment"):
                return set(), set()
            everybody = connection.execute(text("SELECT id FROM student"))
            done = connection.execute(text(handed_in), {"unit": desk.unit.name})
            return {row[0] for row in everybody}, {row[0] for row in done}
    except (SQLAlchemyError, ImportError, ValueError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise RunError(f"the gradebook does not open: {reason}") from None


def class_list(desk: Desk, named: list[str] | None) -> list[str]:
    """Who is graded: those named, or all who handed in or stand in the gradebook."""
    everybody = set(submissions.students(desk.unit)) | standing(desk)[0]
    unknown = set(named or ()) - everybody
    if unknown:
        names = ", ".join(sorted(unknown))
        raise RunError(f"no submission and no student of that name: {names}")
    return sorted(named or everybody)


@dataclass(frozen=True)
class Plan:
    """Marks that stand, students to grade, and marks that rest on an earlier source."""

    standing: dict[str, Mark]
    todo: list[str]
    outdated: int


def plan(desk: Desk, students: list[str], named: bool, options: Options) -> Plan:
    """Grade what is new or has changed; with --regrade also what the course changed."""
    latest, recorded = desk.ledger.latest(desk.unit.name), standing(desk)[1]
    version = source_hash(desk.unit), environment_hash(), asdict(options.limits)
    stand, todo, outdated = {}, [], 0
    for student in students:
        mark = latest.get(student)
        changed = mark and (mark.source, mark.environment, mark.limits) != version
        again = options.regrade and (
            named or changed or (mark and mark.status in CUT_OFF)
        )
        kept = mark and unchanged(desk, mark, student in recorded)
        if kept and not again:
            stand[student] = mark
            outdated += bool(changed)
        else:
            todo.append(student)
    return Plan(stand, todo, outdated)


def unchanged(desk: Desk, mark: Mark, recorded: bool) -> bool:
    """Whether a mark of the log still rests on what was handed in, and is recorded."""
    if mark.status == MISSING:
        return not submissions.folder_of(desk.unit, mark.student).exists()
    same = mark.submission == submissions.digest(desk.unit, mark.student)
    autograded = desk.unit.root / "autograded" / mark.student / desk.unit.name
    there = (
        recorded and autograded.exists() and mark.gradebook == name_of(desk.database)
    )
    return same and (there or not mark.grades)


def name_of(database: str) -> str:
    """A URL without the user, the password and the driver that it may name."""
    url = make_url(database).difference_update_query(["user", "password"])
    place = {"host": url.host, "port": url.port, "database": url.database}
    return str(URL.create(url.get_backend_name(), **place, query=url.query))


def digest(*things: object) -> str:
    """SHA-256 of JSON."""
    return hashlib.sha256(json.dumps(things, sort_keys=True).encode()).hexdigest()


def source_hash(unit: Unit) -> str:
    """A hash of all that the course brings into the graded cells."""
    ours = {}
    for path in (unit.solution, unit.student):
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        except (OSError, ValueError, KeyError):
            mend = f"course build {unit.name}"
            raise RunError(f"{path} is missing or damaged; mend: {mend}") from None
        ours[path.parts[-3]] = [
            (cell["cell_type"], cell["source"], cell["metadata"])
            for cell in cells
            if cell["cell_type"] == "code" or "nbgrader" in cell["metadata"]
        ]
    return digest(ours)


@cache
def environment_hash() -> str:
    """A hash of the packages that the course needs, and of its own library."""
    needed = [
        requirement for requirement in requirements() if requirement.marker is None
    ]
    versions = [(need.name, version_of(need.name)) for need in needed]
    library = Path(__file__).parents[1]
    grader = [library / "grading" / f"{name}.py" for name in GRADER]
    files = sorted([*library.glob("*.py"), *library.glob("[dm]*/*.py"), *grader])
    return digest(versions, [path.read_text(encoding="utf-8") for path in files])


def requirements() -> list[Requirement]:
    """The packages that the course needs."""
    return [Requirement(entry) for entry in metadata.requires(PACKAGE) or []]


def version_of(package: str) -> str:
    """The version that is installed; empty if there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def unmet() -> list[str]:
    """Packages that are missing or of another version than the course asks for."""
    return [
        f"{need.name} {version or 'is missing'} (wanted: {need.specifier})"
        for need in requirements()
        if need.marker is None
        for version in [version_of(need.name)]
        if not (version and need.specifier.contains(version))
    ]
