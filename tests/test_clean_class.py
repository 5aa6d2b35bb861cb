"""A clean class of fifty varied correct submissions raises no flag."""

import itertools

import nbformat
import pytest

from course_lib import build
from course_lib.grading import answers, classes
from course_lib.grading.plan import Options
from tests.conftest import ROOT

BEFORE = [  # cells that honest students add before the first exercise
    "import os, sys, time, logging, warnings\nwarnings.filterwarnings('ignore')",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "%matplotlib inline\nimport matplotlib.pyplot as plt",
    "np.set_printoptions(precision=3)\ntorch.manual_seed(1)",
    "def show(x):\n    print(type(x), getattr(x, 'shape', ''))",
    "from dataclasses import dataclass\n@dataclass\nclass Mine:\n    lr: float = 1",
    "list = [1, 2]\nmax = 3\nx = y = data = list",
    "%timeit -n 1 -r 1 np.zeros(10)",
    "!echo hello",
    "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)):\n    pass",
    "import sys\nprint('to stderr', file=sys.stderr)",
    "%load_ext autoreload\n%autoreload 2",
    "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "torch.set_default_dtype(torch.float32)\nnp.random.seed(0)",
    "import threading\nt = threading.Thread(target=print); t.start(); t.join()",
    "assert np.allclose(1, 1)\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    pass",
    "class Net(nn.Module):\n    pass\n\nNet().eval()",
    "x: np.ndarray = np.eye(3)\nx[0, 0] = 5\nx.dtype, x @ x",
    "%%time\nsum(range(100))",
    "from IPython.display import display, HTML\ndisplay(HTML('<b>bold</b>'))",
]  # fmt: skip
AFTER = [  # and what stands under their answers
    "",
    "\n\n# a remark\nif __name__ == '__main__':\n    print('done')",
    "\n\nimport logging\nlogging.warning('trained')",
    "\n\nold = {}",
    "\n\nfor _ in range(2):\n    pass",
]
UNIT = build.find_units(ROOT, ["01"])[0]


def the_class():
    """Fifty notebooks: the bank's right answers in turn, and what students add."""
    right = {}
    for answer in answers.read_bank(UNIT):
        if answer.right:
            right.setdefault(answer.exercise, []).append(answer.code)
    turns = {name: itertools.cycle(codes) for name, codes in right.items()}
    for number in range(50):
        end = AFTER[number % len(AFTER)]
        codes = {name: f"{next(turn)}{end}" for name, turn in turns.items()}
        notebook = answers.filled(UNIT, codes)
        added = nbformat.v4.new_code_cell(BEFORE[number % len(BEFORE)])
        place = next(i for i, c in enumerate(notebook.cells) if c.id == "fit_pca")
        notebook.cells.insert(place - number % 3, added)
        if number % 7 == 0:
            notebook.cells[1].source += "\n\nMy *own* remark."
        yield f"student-{number:02}", notebook


@pytest.mark.slow
def test_fifty_honest_students(tmp_path):
    desk = classes.new_class(tmp_path, UNIT)
    for student, notebook in the_class():
        classes.hand_in(desk, student, notebook)
    marks = classes.grade(desk, Options()).marks
    assert {m.student: (m.why, m.evidence) for m in marks if m.status != "graded"} == {}
    assert {m.student: m.why for m in marks if m.score < m.max_score} == {}
    assert len(marks) == 50
