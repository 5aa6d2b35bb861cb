"""What a submission got, and the log in which every mark ever given stays."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

GRADED, TAMPERED = "graded", "tampered"
UNREADABLE, MISSING = "unreadable", "missing"
CUT_OFF = TIMED_OUT, OUT_OF_MEMORY, KILLED = "timed out", "out of memory", "killed"


@dataclass(frozen=True)
class Grade:
    """What one graded cell got, and why it lost points."""

    name: str
    score: float
    max_score: float
    by_hand: bool = False
    waiting: bool = False  # for a human
    message: str = ""


@dataclass(frozen=True)
class Mark:
    """How one submission fared, and all that the mark rests on.

    submission, source, environment: hashes of what was graded, by what and where.
    sandbox: the level. full: whether the lesson ran too. peak: bytes.
    """

    unit: str
    student: str
    status: str
    why: str
    grades: list[Grade] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    submission: str = ""
    source: str = ""
    environment: str = ""
    limits: dict[str, float] = field(default_factory=dict)
    sandbox: str = ""
    full: bool = False
    seconds: float = 0.0
    peak: int = 0
    time: str = ""
    gradebook: str = ""

    @property
    def score(self) -> float:
        """Points of the autograded cells."""
        return sum(grade.score for grade in self.grades if not grade.by_hand)

    @property
    def max_score(self) -> float:
        """Most points that the autograded cells can give."""
        return sum(grade.max_score for grade in self.grades if not grade.by_hand)

    @property
    def points(self) -> str:
        """Points and most points as a text; a dash where nothing could be graded."""
        return f"{self.score:g}/{self.max_score:g}" if self.grades else "–"


class Ledger:
    """grades.jsonl: one line for each mark ever given, the latest one last."""

    def __init__(self, path: Path):
        self.path = path

    def latest(self, unit: str) -> dict[str, Mark]:
        """The last mark of each student in a unit.

        A line that a killed run has left unfinished is passed over.
        """
        return {mark.student: mark for mark in self.marks() if mark.unit == unit}

    def marks(self) -> Iterator[Mark]:
        """Every mark, oldest first."""
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").split("\n"):
            try:
                entry = json.loads(line)
                entry["grades"] = [Grade(**grade) for grade in entry["grades"]]
                yield Mark(**entry)
            except (ValueError, TypeError, KeyError):
                continue

    def append(self, mark: Mark) -> None:
        """Add a mark, on disk before this returns."""
        text = json.dumps(asdict(mark), ensure_ascii=False)
        with self.path.open("a+b") as file:
            if file.tell() and not self.ends_well(file):
                text = "\n" + text
            file.write(text.encode("utf-8", "replace") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def ends_well(file) -> bool:
        """Whether the last line of the log is whole."""
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
