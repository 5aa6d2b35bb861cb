"""The pages of students and instructors: what they say, hide, and never run."""

import base64
import csv
import os
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from course_lib.build import Unit
from course_lib.grading import feedback, report, views
from course_lib.grading.marks import GRADED, MISSING, TAMPERED, UNREADABLE, Grade, Mark
from course_lib.grading.plan import Desk, RunError
from course_lib.grading.record import Register

# nbgrader's own affair
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
ATTACK = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
    '"><svg onload="window.pwned = 3"><a href="javascript:alert(4)">{{ 7 * 7 }}</pre>'
    "<style>body { background: url(https://example.org/) }</style>"
    "<meta http-equiv=refresh content='0; url=https://example.org/'>"
    "</style></title><iframe srcdoc='<script>parent.pwned = 5</script>'>"
)
NASTY = "<img src=x onerror=alert(1)>"  # a folder may be called so
SECRET = 'checks.close(double(3), 6, "twice three")'
CHECK = f"""checks.close(double(1), 2, "twice")
### BEGIN HIDDEN TESTS
x = 1
{SECRET}
### END HIDDEN TESTS"""
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "section", "footer"),
    *("h1", "h2", "h3", "p", "div", "span", "strong", "small", "br", "ul", "li", "a"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "pre", "img"),
    *("svg", "rect", "text", "line"),
}


@pytest.fixture
def desk(tmp_path, root) -> Desk:
    """A unit of one exercise and one question, built by hand."""
    (tmp_path / "nbgrader_config.py").write_text(
        (root / "nbgrader_config.py").read_text()
    )
    unit = Unit(tmp_path, "99_small")
    answer = "def double(x):\n    return 2 * x"
    save(unit.solution, notebook(answer, CHECK, "Because."))
    save(unit.student, notebook("stub", CHECK.splitlines()[0], "Write here."))
    return Desk(unit, f"sqlite:///{tmp_path / 'gradebook.db'}")


def notebook(answer, check, why, outputs=(), own=()):
    """The notebook of the unit with these contents."""
    graded = {"schema_version": 3, "grade": True, "solution": False, "locked": True}
    given = graded | {"grade": False, "solution": True, "locked": False}
    asked = given | {"grade": True}
    return nbformat.v4.new_notebook(
        cells=[
            markdown("intro", "# A small sea"),
            code("lesson", "number = 3"),
            markdown("statement", "### Exercise 1 — Twice"),
            code("double", answer, given),
            *own,
            code("check_double", check, graded | {"points": 2}, outputs),
            markdown("ask", "## Question"),
            markdown("why", why, asked | {"points": 4}),
        ]
    )


def markdown(name, source, tag=None):
    return tagged(nbformat.v4.new_markdown_cell(source, id=name), tag)


def code(name, source, tag=None, outputs=()):
    cell = nbformat.v4.new_code_cell(source, id=name, outputs=list(outputs))
    return tagged(cell, tag)


def tagged(cell, tag):
    if tag:
        cell.metadata["nbgrader"] = tag | {"grade_id": cell.id}
    return cell


def save(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(content, path)


def text(content):
    return nbformat.v4.new_output("stream", name="stdout", text=content)


def error(name, value):
    trace = ["\x1b[31mTraceback\x1b[0m", f"      4 {SECRET}", f"{name}: {value}"]
    return nbformat.v4.new_output("error", ename=name, evalue=value, traceback=trace)


def picture(content, mime="image/png"):
    data = {mime: content, "text/plain": "<Figure>"}
    return nbformat.v4.new_output("display_data", data=data)


def grade(desk, student, status=GRADED, message="", **more) -> Mark:
    """Put a mark into the ledger."""
    score = 0.0 if message else 2.0
    grades = [
        Grade("double", score, 2.0, message=message),
        Grade("why", 0.0, 4.0, by_hand=True, waiting=True),
    ]
    given = {"why": "all 1 exercises are right", "grades": grades, "sandbox": "full"}
    given |= {"seconds": 1.5, "peak": 2**28, "time": "2026-11-21T14:45:11Z"}
    mark = Mark(desk.unit.name, student, status, **(given | more))
    desk.ledger.append(mark)
    return mark


def hand_in(desk, student, content):
    """Put an executed submission where the grader leaves it."""
    folder = desk.unit.root / "autograded" / student / desk.unit.name
    save(folder / desk.unit.student.name, content)


def feedback_of(desk, student) -> str:
    (path,) = feedback.write_all(desk, [student])
    expected = desk.unit.root / "feedback" / student / "99_small" / "99_small.html"
    assert path == expected
    return path.read_text(encoding="utf-8")


class Reader(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.words.append(data)


def harmless(page) -> str:
    """The text of a page that holds nothing which could run or load; else fails."""
    reader = Reader(page)
    assert set(reader.tags) <= TAGS
    for tag, name, value in reader.attributes:
        assert not name.startswith("on"), (tag, name)
        if name == "href":
            assert value.startswith(("#", "feedback/")), value
        if name == "src":
            assert value.startswith("data:image/png;base64,"), value
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert ("meta", "content", policy) in reader.attributes
    return "".join(reader.words)


# --- feedback -----------------------------------------------------------------------


def test_a_page_says_points_reasons_and_shows_the_work(desk):
    message = "twice three; seen: 3; expected: 6"
    grade(desk, "ada", message=message, why=f"double: {message}", notes=["mended it"])
    own = [code("mine", "print('hi')", outputs=[text("hi"), picture(PIXEL_TEXT)]),
           markdown("note", "my note")]  # fmt: skip
    failed = error("CheckFailed", "twice three\n  seen      3\n  expected  6")
    answer = "def double(x):\n    return x"
    hand_in(desk, "ada", notebook(answer, CHECK, "I think *so*.", [failed], own))
    page = feedback_of(desk, "ada")
    words = harmless(page)
    for expected in (
        *("A small sea", "0 of 6 points", "4 wait for your teacher", message),
        *("Graded: double: twice", "mended it", "Exercise 1 — Twice", answer),
        *("twice three\n  seen      3", "print('hi')", "my note", "I think *so*."),
    ):
        assert expected in words, expected
    assert f'<img src="data:image/png;base64,{PIXEL_TEXT}"' in page
    assert "number = 3" not in words  # the lesson is no work of hers
    assert not list(desk.unit.root.rglob("*.part"))


PIXEL_TEXT = base64.b64encode(PIXEL).decode()


def test_nothing_of_the_hidden_checks_is_shown(desk):
    leaks = [
        text(f"before\n\x1b[32m   4 \x1b[0m{SECRET}\nafter"),
        text(repr(["In", CHECK])),
        text("spread:  checks.close( double(3),\t6, 'x' )\n" + repr(SECRET + "'")),
        error("ValueError", f"{SECRET}\nand more"),
    ]
    own = [code("mine", "dump()", outputs=leaks)]
    grade(desk, "ada", message=f"ValueError: {SECRET}", why=SECRET, notes=[SECRET])
    hand_in(desk, "ada", notebook("answer", CHECK, "why", leaks, own))
    words = harmless(feedback_of(desk, "ada"))
    assert "twice three" not in words
    assert "HIDDEN" not in words
    assert "Traceback" not in words
    assert words.count(views.WITHHELD) == 3 + 2 * 4
    assert "before" in words
    assert "after" in words
    assert "and more" in words


def test_a_check_that_was_hidden_when_it_ran_stays_hidden(desk):
    earlier = CHECK.replace("three", "four")
    grade(desk, "ada")
    leak = [text(SECRET.replace("three", "four"))]
    hand_in(desk, "ada", notebook("answer", earlier, "why", leak))
    assert "twice four" not in feedback_of(desk, "ada")


def test_a_terminal_would_show_the_same():
    raw = (
        "\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\r\n 1 %\r 99 %\r100 %\n\x1b[2Kend\x00\n"
    )
    assert views.censored(raw, set()) == "red x\n100 %\nend"


def attacked(desk, student=NASTY):
    """A submission whose every text is an attack."""
    lines = [ATTACK, "x" * 500]
    grade(desk, student, message=ATTACK, why=ATTACK, notes=lines)
    broken_out = PIXEL_TEXT[:20] + '">< ' + PIXEL_TEXT[20:]  # base64 ignores them
    outputs = [text(ATTACK), error(ATTACK, ATTACK), picture(broken_out)]
    outputs += [picture(ATTACK, f"image/{kind}") for kind in ("png", "svg+xml")]
    outputs += [picture(ATTACK, "text/html"), picture(f"data:text/html,{ATTACK}")]
    own = [code("mine", ATTACK, outputs=outputs), markdown("note", ATTACK)]
    hand_in(desk, student, notebook(ATTACK, CHECK, ATTACK, outputs, own))


def test_whatever_a_student_writes_is_text_for_students(desk):
    attacked(desk)
    grade(desk, "bob", UNREADABLE, why=f"{ATTACK}; ask for the file again", grades=[])
    words = harmless(feedback_of(desk, NASTY))
    assert NASTY in words
    assert words.count("window.pwned = 1") >= 8
    assert "{{ 7 * 7 }}" in words
    assert ATTACK in harmless(feedback_of(desk, "bob"))


def test_evidence_is_for_the_teacher_alone(desk):
    evidence = ["cell double: assigns np.allclose", "cell double: uses gc"]
    why = "double: off (by one)"
    grade(desk, "eve", TAMPERED, why=why, evidence=evidence)
    hand_in(desk, "eve", notebook("answer", CHECK, "why"))
    words = harmless(feedback_of(desk, "eve"))
    assert "Graded, to be looked at by your teacher: double: off (by one)\n" in words
    assert "tampered" not in words.lower()
    assert "np.allclose" not in words


@pytest.mark.parametrize(
    ("status", "why", "advice"),
    [
        (
            UNREADABLE,
            "x.ipynb is empty; ask for the file again",
            "hand it in once more",
        ),
        (MISSING, "nothing handed in", "tell your teacher"),
    ],
)
def test_who_has_no_marks_reads_what_to_do(desk, status, why, advice):
    grade(desk, "ada")
    hand_in(desk, "ada", notebook("an earlier answer", CHECK, "why"))
    grade(desk, "ada", status, why=why, grades=[])
    words = harmless(feedback_of(desk, "ada"))
    assert why.split(";")[0] in words
    assert advice in words
    assert "ask for the file" not in words
    assert "earlier answer" not in words
    assert "points" not in words


def test_an_answer_left_open_is_called_so(desk):
    grades = [Grade("double", 0, 2, message="not answered"), Grade("why", 0, 4, True)]
    grade(desk, "ada", grades=grades)
    stub = error("NotAnswered", "double is waiting for you")
    hand_in(desk, "ada", notebook("stub", CHECK, "Write here.", [stub]))
    words = harmless(feedback_of(desk, "ada"))
    assert words.count("not answered") == 2
    assert "Not answered." in words
    assert "Write here." not in words


def test_points_without_the_notebook_are_better_than_no_page(desk):
    grade(desk, "ada")
    assert "2 of 6 points" in harmless(feedback_of(desk, "ada"))


def human(desk, student="ada", score=3.0):
    """A gradebook in which a human has graded the question, and corrected a check."""
    name = desk.unit.name
    with Register(desk.unit, desk.database).open() as book:
        book.add_assignment(name)
        book.add_notebook(name, name)
        book.add_grade_cell("check_double", name, name, max_score=2, cell_type="code")
        book.add_grade_cell("why", name, name, max_score=4, cell_type="markdown")
        book.add_solution_cell("why", name, name)
        book.add_student(student)
        book.add_submission(name, student)
        found = book.find_submission_notebook(name, name, student)
        points = {one.name: one for one in found.grades}
        points["check_double"].auto_score = 0
        points["check_double"].manual_score = 1
        points["check_double"].needs_manual_grade = False
        points["why"].manual_score = score
        points["why"].extra_credit = 0.5
        points["why"].needs_manual_grade = False
        found.comments[0].manual_comment = f"Well seen.\n{ATTACK}"
        book.db.commit()


def test_what_a_human_has_graded_since_counts(desk):
    human(desk)
    grade(desk, "ada", message="twice three; seen: 3")
    hand_in(desk, "ada", notebook("answer", CHECK, "why"))
    words = harmless(feedback_of(desk, "ada"))
    assert "4.5 of 6 points" in words
    assert "wait for your teacher" not in words
    assert f"Well seen.\n{ATTACK}" in words
    assert rows(desk)[1][2:6] == ["4.5", "6", "1", "3.5"]


def test_no_gradebook_is_made_by_looking_for_one(desk):
    grade(desk, "ada")
    report.write_all(desk, csv=False)
    assert not desk.sqlite.exists()


@pytest.mark.parametrize("students", [None, ["ada"]])
def test_no_marks_no_pages(desk, students):
    with pytest.raises(RunError, match="mend: course grade 99_small"):
        feedback.write_all(desk, students)
    with pytest.raises(RunError, match="mend: course grade 99_small"):
        report.write_all(desk, csv=True)


def test_a_student_without_a_mark_is_named(desk):
    grade(desk, "ada")
    with pytest.raises(RunError, match="no mark for bob; mend: course grade"):
        feedback.write_all(desk, ["ada", "bob"])
    assert not (desk.unit.root / "feedback").exists()


def test_a_unit_that_is_not_built_hides_nothing_so_nothing_is_written(desk):
    grade(desk, "ada")
    desk.unit.solution.write_text("{}")
    with pytest.raises(RunError, match="mend: course build 99_small"):
        feedback.write_all(desk, None)


@pytest.mark.parametrize("student", ["../eve", "/tmp/eve", "..", "", "a/b"])
def test_a_name_cannot_leave_the_folder(desk, student):
    grade(desk, student)
    with pytest.raises(RunError, match="can be no folder"):
        feedback.write_all(desk, None)


def test_a_page_is_replaced_at_once_or_not_at_all(desk, monkeypatch):
    grade(desk, "ada")
    before = feedback_of(desk, "ada")
    grade(desk, "ada", message="another one")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            feedback.write_all(desk, None)
    page = desk.unit.root / "feedback" / "ada" / "99_small" / "99_small.html"
    assert page.read_text(encoding="utf-8") == before
    assert "another one" in feedback_of(desk, "ada")


# --- report -------------------------------------------------------------------------


def report_of(desk) -> str:
    (path,) = report.write_all(desk, csv=False)
    assert path == desk.unit.root / "report-99_small.html"
    return path.read_text(encoding="utf-8")


def rows(desk) -> list[list[str]]:
    """The table for spreadsheets, read back."""
    path = report.write_all(desk, csv=True)[1]
    assert path == desk.unit.root / "marks-99_small.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_report_counts_and_puts_first_who_needs_a_look(desk):
    for name, seen in (("ada", 1), ("bob", 2), ("cem", 3)):
        grade(desk, name, message=f"twice; seen: {seen}; expected: 6")
    grade(desk, "dia", message="not answered")
    grade(desk, "eve", TAMPERED, why="no", evidence=["cell double: uses gc", NASTY])
    grade(desk, "fay", MISSING, why="nothing handed in", grades=[], sandbox="")
    grade(desk, "gil", MISSING, why="nothing handed in", grades=[], sandbox="")
    feedback.write_all(desk, ["ada"])
    page = report_of(desk)
    words = harmless(page)
    for expected in (
        *("7 students", "4 graded", "2 missing", "1 tampered", "5 to be graded"),
        *("3 × twice\n", "1 × not answered", "1 of 5 (20\xa0%)", "0.4\nof 2"),
        *("2026-11-21 14:45:11 UTC", "cell double: uses gc", NASTY, "1.5", "256"),
        *("5 students with points", "mean 20 %, median 0 %", "fay, gil"),
    ):
        assert expected in words, expected
    first = words.index("cell double: uses gc")
    assert first < words.index("fay, gil") < words.index("Distribution of marks")
    links = [value for _, name, value in Reader(page).attributes if name == "href"]
    assert links == ["feedback/ada/99_small/99_small.html"]
    assert "4 between 0 and 10 %, 1 between 90 and 100 %" in page


def test_whatever_a_student_writes_is_text_for_instructors(desk):
    attacked(desk)
    grade(desk, "eve", TAMPERED, why=ATTACK, evidence=[ATTACK])
    grade(desk, "bob", UNREADABLE, why=ATTACK, grades=[], sandbox=ATTACK)
    grade(desk, f"{NASTY}#?", MISSING, why=ATTACK, grades=[])
    feedback.write_all(desk, None)
    words = harmless(report_of(desk))
    assert words.count(ATTACK) >= 8
    assert NASTY in words


def test_the_table_for_spreadsheets(desk):
    grade(desk, "ada")
    grade(desk, "fay", MISSING, why="nothing handed in", grades=[], sandbox="")
    expected = ["student", "status", "score", "max_score", "double", "why"]
    header, ada, fay = rows(desk)
    costs = ["late_penalty", "seconds", "peak_mib", "sandbox", "why"]
    assert header == [*expected, *costs]
    why = "all 1 exercises are right"
    assert ada == ["ada", "graded", "2", "6", "2", "", "0", "1.5", "256", "full", why]
    assert fay == ["fay", "missing", *[""] * 8, "nothing handed in"]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(desk, begin):
    formula = f"{begin}cmd|'calc'!A0"
    grades = [Grade("double", -1.0, 2.0), Grade(f"{begin}name", 0.0, 1.0)]
    grade(desk, f"{begin}1", why=formula, grades=grades, sandbox=formula)
    header, row = rows(desk)
    assert header[5] == f"'{begin}name"
    assert row[0] == f"'{begin}1"
    assert row[2] == row[4] == "-1"
    assert row[-1] == row[-2] == f"'{formula}"


# --- in a browser -------------------------------------------------------------------


@pytest.fixture
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: this test opens pages in it")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield chromium
        chromium.close()


def looked_at(browser, path, width=390):
    """Open a page as a reader would; what ran, asked, or was loaded, and its width."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    dialogs, requests = [], []
    page.on("dialog", lambda dialog: (dialogs.append(dialog), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    pwned, wide = page.evaluate("[window.pwned, document.documentElement.scrollWidth]")
    loaded = [url for url in requests if not url.startswith("data:image/png")]
    broken = page.evaluate(
        "[...document.images].filter(image => !image.naturalWidth).length"
    )
    page.close()
    return pwned, dialogs, loaded == [path.as_uri()], broken, wide <= width


@pytest.mark.slow
def test_no_attack_runs_in_a_browser(desk, browser, tmp_path):
    attacked(desk)
    grade(desk, "eve", TAMPERED, why=ATTACK, evidence=[ATTACK])
    human(desk, student=NASTY)
    (page,) = feedback.write_all(desk, [NASTY])
    (summary,) = report.write_all(desk, csv=False)
    for path in (page, summary):
        assert looked_at(browser, path) == (None, [], True, 0, True)
        assert looked_at(browser, path, width=1200) == (None, [], True, 0, True)


@pytest.mark.slow
def test_the_policy_holds_where_escaping_would_not(desk, browser, tmp_path):
    grade(desk, "ada")
    attack = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
    guarded = feedback_of(desk, "ada").replace("</main>", f"</main>{attack}")
    bare = guarded.replace("Content-Security-Policy", "X-No-Policy")
    for name, page, ran in (("guarded", guarded, None), ("bare", bare, 2)):
        path = tmp_path / f"{name}.html"
        path.write_text(page, encoding="utf-8")
        assert looked_at(browser, path)[0] == ran
