"""What the guides state beside their commands: numbers, names, settings, links."""

import inspect
import re

import nbformat
import numpy as np
import pytest

from course_lib import build, checks
from course_lib.grading import answers, commands, pools, sanitize, submissions
from course_lib.grading.marks import CUT_OFF, GRADED, MISSING, TAMPERED, UNREADABLE
from course_lib.grading.sandbox import LEVELS, PROCESSES, Limits
from tests.conftest import ROOT
from tests.guide import BOOK, blocks

INSTRUCTOR = (BOOK / "instructor_guide.md").read_text()
STUDENT = (BOOK / "student_guide.md").read_text()
LIMITS = Limits()
KNOWN = {  # every number with a unit that the guides may state
    f"{LIMITS.cell:g} s",
    f"{LIMITS.notebook:g} s",
    f"{LIMITS.memory:g} GiB",
    f"{LIMITS.disk:g} GiB",
    f"{LIMITS.output / 1e6:g} MB",
    f"{sanitize.LARGEST_NOTEBOOK / 1e6:g} MB",
    f"{sanitize.LARGEST_FILES / 1e6:g} MB",
    f"{sanitize.MOST_CELLS} cells",
    f"{submissions.LARGEST_ZIP >> 30} GiB",
    f"{pools.DEADLY} workers",
    f"{pools.PATIENCE} s",
}
MEASURE = re.compile(r"\b\d[\d.]* (?:s|[GMk]i?B|cells|workers|processes)\b")
ROWS = {
    "one cell": f"{LIMITS.cell:g} s",
    "the whole notebook": f"5 times as long, {LIMITS.notebook:g} s",
    "memory": f"{LIMITS.memory:g} GiB",
    "scratch files": f"{LIMITS.disk:g} GiB",
    "printed output": f"{LIMITS.output / 1e6:g} MB",
    "processes and threads": f"{PROCESSES}",
    "the notebook file": f"{sanitize.LARGEST_NOTEBOOK / 1e6:g} MB and "
    f"{sanitize.MOST_CELLS} cells",
    "files handed in with it": f"{sanitize.LARGEST_FILES / 1e6:g} MB",
    "a zip, unpacked": f"{submissions.LARGEST_ZIP >> 30} GiB",
}
IMAGE = re.compile(r"```\{image\} (\S+)\n:alt: (.+)\n")
PREREQUISITES = re.compile(r"\*\*Prerequisites\*\* (.+)")
TIME = re.compile(r"\*\*Time\*\* (\d+ hours)\.")


def prose(text: str) -> str:
    """A guide without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```", "", text)


def table(text: str, *begin: str) -> dict[str, list[str]]:
    """The rows of the tables that begin with this header, by their first cell."""
    _, _, rest = text.partition("| " + " | ".join(begin))
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    return {first: others for first, *others in cells}


def test_limits_are_those_of_the_code():
    rows = table(INSTRUCTOR, "limit", "default")
    assert {name: cells[0] for name, cells in rows.items()} == ROWS


@pytest.mark.parametrize("text", [INSTRUCTOR, STUDENT])
def test_no_other_number_with_a_unit_is_stated(text):
    found = MEASURE.findall(prose(text))
    assert found
    assert set(found) <= KNOWN


def test_the_default_of_a_command_is_that_of_the_sandbox():
    defaults = inspect.signature(commands.grade).parameters
    assert defaults["timeout"].default == LIMITS.cell
    assert defaults["memory"].default == LIMITS.memory
    assert 5 * LIMITS.cell == LIMITS.notebook
    assert build.nbgrader_config(ROOT).Execute.timeout == LIMITS.cell


def test_every_status_and_level_is_explained():
    statuses = {GRADED, *CUT_OFF, UNREADABLE, TAMPERED, MISSING}
    rows = table(INSTRUCTOR, "status", "what has happened")
    assert {name.strip("*") for name in rows} == statuses
    assert all(f"*{level}*" in INSTRUCTOR or f"*Sandbox: {level}*" in INSTRUCTOR
               for level in LEVELS)  # fmt: skip


def test_the_timetable_is_that_of_the_lessons():
    rows = table(INSTRUCTOR, "unit", "time", "exercises")
    units = build.find_units(ROOT)
    assert len(rows) == len(units)
    hours = 0
    for unit, (name, cells) in zip(units, rows.items(), strict=True):
        text = unit.source.read_text()
        stated = TIME.search(text)[1]
        points = [int(n) for n in re.findall(r'check="\w+" points=(\d+)', text)]
        by_hand = [int(n) for n in re.findall(r'question="\w+" points=(\d+)', text)]
        expected = [stated, str(len(points)), f"{sum(points)} + {sum(by_hand)}"]
        assert name[:2] == unit.name[:2]
        assert cells[:3] == expected, name
        hours += int(stated.split()[0])
    assert f"All ten are {hours} hours" in INSTRUCTOR


def test_each_way_through_the_units_has_what_it_needs():
    rows = table(INSTRUCTOR, "unit", "time", "exercises")
    needs = {name[:2]: expand(cells[3]) for name, cells in rows.items()}
    images = ["00", "01", "02", "03", "04"]
    for way in (images, [*images, "09"], [*images, "05", "06", "07"]):
        for place, unit in enumerate(way):
            assert needs[unit] <= set(way[:place]), (way, unit)


def test_what_a_unit_needs_is_what_the_lesson_says():
    rows = table(INSTRUCTOR, "unit", "time", "exercises")
    needs = {name[:2]: expand(cells[3]) for name, cells in rows.items()}
    for unit in build.find_units(ROOT):
        line = PREREQUISITES.search(unit.source.read_text())[1].replace(" to ", "–")
        numbers = re.findall(r"\b\d\d(?:–\d\d)?\b", line)
        assert needs[unit.name[:2]] == set().union(*map(expand, numbers)), unit.name


def expand(text: str) -> set[str]:
    """{"00", …, "04"} for 00–04, and the units of a list."""
    if "–" in text:
        first, last = map(int, text.split("–"))
        return {f"{n:02}" for n in range(first, last + 1)}
    return {name for name in text.split(", ") if name}


def test_the_minutes_of_a_session_follow_each_other():
    for text in (INSTRUCTOR, STUDENT):
        section = text.split("## The first session, minute by minute")[-1]
        section = section if text is STUDENT else text.split("### The first session")[1]
        spans = [tuple(map(int, span.split("–"))) for span in table(section, "minutes")]
        ends = [end for _, end in spans]
        assert [begin for begin, _ in spans] == [0, *ends[:-1]]
        assert ends[-1] == 120


def test_the_table_of_answers_is_that_of_the_bank():
    unit = build.find_units(ROOT, ["01"])[0]
    bank = answers.read_bank(unit)
    for name in {answer.exercise for answer in bank}:
        own = [answer.right for answer in bank if answer.exercise == name]
        right, wrong = sum(own), len(own) - sum(own)
        line = rf"│ {name} +│ {right} of {right} +│ {wrong} of {wrong} +│"
        assert re.search(line, INSTRUCTOR), name


def test_the_message_of_a_check_is_a_real_one():
    unit = build.find_units(ROOT, ["01"])[0]
    wrong = {answer.name: answer.code for answer in answers.read_bank(unit)}
    cells = {cell.id: cell.source for cell in nbformat.read(unit.student, 4).cells}
    names = {"np": np, "checks": checks}
    exec(wrong["mean not removed"], names)
    with pytest.raises(checks.CheckFailed) as failed:
        exec(cells["check_reconstruct_pca"], names)
    (block,) = (block for block in blocks(STUDENT) if block.language == "text")
    assert str(failed.value) == block.text


@pytest.mark.parametrize("text", [INSTRUCTOR, STUDENT])
def test_links_and_figures_lead_somewhere(text):
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"(?m)^#+ (.+)$", text)
    }
    for target in re.findall(r"\]\((.+?)\)", prose(text)):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("http"):
            page = (
                "CONTRIBUTING.md" if target == "contributing.md" else f"book/{target}"
            )
            assert (ROOT / page).is_file(), target
    for path, alt in IMAGE.findall(text):
        assert (BOOK / path).is_file(), path
        assert 40 < len(alt) < 150, path


# --- JupyterHub -----------------------------------------------------------------------


def file_of(name: str) -> str:
    """The text of a file that the instructor guide gives."""
    (block,) = (b for b in blocks(INSTRUCTOR) if b.notes.get("file") == name)
    return block.text


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The hub's configuration, loaded as the hub loads it."""
    app = pytest.importorskip("jupyterhub.app")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "students.txt").write_text("ada\nben\n")
    path = tmp_path / "jupyterhub_config.py"
    text = file_of("/srv/ocean/jupyterhub_config.py")
    path.write_text(text.replace("/srv/ocean", str(tmp_path)))
    hub = app.JupyterHub(log_level=50)
    hub.load_config_file(str(path))
    return hub


def test_the_hub_takes_every_setting(hub):
    """A misspelt option would be passed over in silence."""
    from jupyterhub.auth import Authenticator
    from jupyterhub.services.service import Service
    from jupyterhub.spawner import Spawner

    classes = {"JupyterHub": type(hub), "Authenticator": Authenticator}
    classes["Spawner"] = Spawner
    for section, options in hub.config.items():
        assert set(options) <= set(classes[section].class_trait_names(config=True))
    (service,) = hub.services
    assert set(service) <= set(Service.class_trait_names(input=True))
    Authenticator(config=hub.config)


def test_scopes_of_the_hub_exist(hub):
    from jupyterhub import scopes

    for role in hub.load_roles:
        names = [scope.partition("!")[0] for scope in role["scopes"]]
        assert set(names) <= {*scopes.scope_definitions, "inherit"}, role
        for group in role.get("groups", []):
            assert group in hub.load_groups


def test_groups_and_service_are_called_as_nbgrader_asks(hub):
    course = build.nbgrader_config(ROOT).CourseDirectory.course_id
    assert set(hub.load_groups) == {f"formgrade-{course}", f"nbgrader-{course}"}
    assert hub.load_groups[f"nbgrader-{course}"]["users"] == ["ada", "ben"]
    assert hub.services[0]["name"] == course
    assert f"/services/{course}/lab" in INSTRUCTOR
    assert f'course_id = "{course}"' in file_of("/etc/jupyter/nbgrader_config.py")
