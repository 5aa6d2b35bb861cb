"""Where submissions lie, and how they get there from a folder or a zip."""

import hashlib
import lzma
import os
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from course_lib.build import Unit

LARGEST_ZIP = 4 * 2**30  # bytes, unpacked
ODD = set('*?[]{}<>"|\\/\0')  # in a name that nbgrader would take for a pattern
DECORATION = re.compile(  # the last one is Moodle's; what follows is the file's name
    r"([ _-]*\(\d+\)|[ _-]*copy\d*|_assignsubmission_file.*)$", re.I
)


DAMAGE = (  # what zipfile raises
    *(OSError, RuntimeError, EOFError, IndexError, OverflowError, ValueError),
    *(zipfile.BadZipFile, struct.error, zlib.error, lzma.LZMAError),
)


class NoSubmissions(Exception):
    """A source of submissions that cannot be used."""


def folder_of(unit: Unit, student: str) -> Path:
    """nbgrader's folder of a student's submission."""
    return unit.root / "submitted" / student / unit.name


def students(unit: Unit) -> list[str]:
    """Who has handed in something for the unit."""
    folders = sorted((unit.root / "submitted").glob("*/"))
    return [path.name for path in folders if os.path.lexists(path / unit.name)]


def notebook_of(unit: Unit, student: str) -> Path:
    """The notebook of a submission, renamed or not.

    Raises NoSubmissions where there is none, and for links, which may lead anywhere.
    """
    if ODD & set(student):
        raise NoSubmissions(f"nbgrader cannot take the name {student!r}: rename it")
    folder = folder_of(unit, student)
    if folder.is_symlink() or folder.parent.is_symlink():
        raise NoSubmissions("its folder is a link: ask for the files themselves")
    notebooks = [path for path in folder.glob("*") if path.suffix.lower() == ".ipynb"]
    if any(path.is_symlink() for path in notebooks):
        raise NoSubmissions("the notebook is a link: ask for the file itself")
    notebooks = [path for path in notebooks if path.is_file()]
    likely = [path for path in notebooks if unit.name in path.name] or notebooks
    exact = [path for path in likely if path.name == unit.student.name]
    newest = sorted(likely, key=lambda path: (path.stat().st_mtime, path.name))
    if not likely:
        raise NoSubmissions("no notebook was handed in")
    return (exact or newest)[-1]


def digest(unit: Unit, student: str) -> str:
    """A hash of all files of a submission; changes when any of them does."""
    sha = hashlib.sha256()
    folder = folder_of(unit, student)
    inside = [] if folder.is_symlink() else sorted(folder.rglob("*"))
    for path in [folder, *inside]:
        sha.update(f"\0{path.relative_to(folder)}\0".encode("utf-8", "replace"))
        if path.is_symlink():  # which may lead anywhere
            sha.update(os.fsencode(os.readlink(path)))
        elif path.is_file() and os.access(path, os.R_OK):
            with path.open("rb") as file:
                sha.update(hashlib.file_digest(file, "sha256").digest())
    return sha.hexdigest()


# --- collecting ---------------------------------------------------------------------


def collect(unit: Unit, source: Path) -> int:
    """Bring the notebooks of a folder or zip into submitted/; how many there were.

    Either <student>/…/<notebook>.ipynb, as nbgrader and most LMS write them, or one
    <student>.ipynb each. A submission that stands there already and differs is kept
    under earlier/. Raises NoSubmissions for what cannot be used.
    """
    with opened(source) as folder:
        return sum(take(unit, folder, path) for path in found(folder))


def authors(unit: Unit, source: Path) -> list[str]:
    """Whose notebooks a folder or zip holds; nothing is collected."""
    with opened(source) as folder:
        return sorted({author(unit, folder, path) for path in found(folder)})


@contextmanager
def opened(source: Path) -> Iterator[Path]:
    """The folder, or the files of a zip in a folder for the time being."""
    if source.is_dir():
        yield source
        return
    if not zipfile.is_zipfile(source):
        what = "is no zip" if source.exists() else "is missing"
        raise NoSubmissions(f"{source} {what}: name a folder or a zip of notebooks")
    with tempfile.TemporaryDirectory() as folder:
        unpack(source, Path(folder))
        yield Path(folder)


def found(folder: Path) -> Iterator[Path]:
    """The notebooks in a folder, checkpoints and links left out."""
    notebooks = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() == ".ipynb" and path.is_file() and not path.is_symlink()
    ]
    if not notebooks:
        raise NoSubmissions(f"{folder} holds no notebook")
    for path in notebooks:
        if not {".ipynb_checkpoints", "__MACOSX"} & set(path.parts):
            yield path


def unpack(source: Path, folder: Path) -> None:
    """Unpack a zip, but nothing that leaves the folder, no links, and no bomb."""
    try:
        with zipfile.ZipFile(source) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            check(source, entries)
            for entry in entries:
                if not stat.S_ISLNK(entry.external_attr >> 16):
                    archive.extract(entry, folder)
    except DAMAGE as error:
        raise NoSubmissions(
            f"{source} is damaged: {error or 'it ends early'}"
        ) from None


def check(source: Path, entries: list[zipfile.ZipInfo]) -> None:
    """NoSubmissions for a zip that would fill the disk or leave its folder."""
    if sum(entry.file_size for entry in entries) > LARGEST_ZIP:
        raise NoSubmissions(f"{source} unpacks to more than {LARGEST_ZIP >> 30} GiB")
    for entry in entries:
        name = PurePosixPath(entry.filename)
        if name.is_absolute() or ".." in name.parts:
            raise NoSubmissions(f"{source} has an entry that leaves it: {name}")


def take(unit: Unit, source: Path, notebook: Path) -> int:
    """Put one notebook, with the files beside it, where nbgrader looks for it."""
    student = author(unit, source, notebook)
    target = folder_of(unit, student)
    fresh = unit.root / "submitted" / f".new-{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        if notebook.parent != source:
            shutil.copytree(notebook.parent, fresh, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(notebook, fresh)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not same(target, fresh):
            put_aside(unit, student)
        if not target.exists():
            fresh.rename(target)
    except OSError as error:
        raise NoSubmissions(f"{notebook} cannot be collected: {error}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return 1


def author(unit: Unit, source: Path, notebook: Path) -> str:
    """The student whose folder, or else whose file, this is."""
    folder, *inner = notebook.relative_to(source).parts
    return clean_name(folder if inner else notebook.stem, unit.name)


def clean_name(name: str, unit: str) -> str:
    """A student's id from the name of a file or folder of an LMS."""
    unit = re.escape(unit)
    name = re.sub(rf"(.{unit})-\d\d?$", r"\1", name)  # Canvas counts later versions
    name = "_".join(filter(None, re.split(rf"[ _-]*{unit}[ _-]*", name)))
    while (shorter := DECORATION.sub("", name)) != name:
        name = shorter
    odd = [letter in ODD or not letter.isprintable() for letter in name]
    name = "".join("_" if o else c for c, o in zip(name, odd, strict=True)).strip(" .")
    if not name:
        raise NoSubmissions("a notebook tells no student: name it <student>.ipynb")
    return name


def same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files."""
    return contents(one) == contents(other)


def contents(folder: Path) -> dict[str, bytes]:
    """The hash of each file in a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def put_aside(unit: Unit, student: str) -> None:
    """Keep a submission that a newer one replaces."""
    earlier = unit.root / "earlier" / student / unit.name
    earlier.mkdir(parents=True, exist_ok=True)
    number = len(list(earlier.iterdir())) + 1
    folder_of(unit, student).rename(earlier / str(number))
