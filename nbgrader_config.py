"""nbgrader's settings: `nbgrader …`, formgrader and `course …` all read them."""

import os
import sys
from pathlib import Path

from course_lib.cells import STUB

# nbgrader starts alembic by its name, also where the environment is not activated.
scripts = str(Path(sys.executable).parent)
if scripts not in os.environ["PATH"].split(os.pathsep):
    os.environ["PATH"] = scripts + os.pathsep + os.environ["PATH"]

c = get_config()  # noqa: F821 (nbgrader defines it)

c.CourseDirectory.course_id = "ocean-deep-learning"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
# The sources stand beside the solutions and must not be released with them.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.py"]

c.ClearSolutions.code_stub = {"python": STUB}
c.ClearSolutions.text_stub = "*Write your answer here, in place of this line.*"

c.Execute.timeout = 120  # seconds a cell; the longest training takes about 10
c.Execute.shutdown_kernel = "immediate"  # a second saved a notebook
# The Validate button fails a cell with any text on stderr, where warnings and lines of
# log go; correct code may write them. Its kernels have one stream, as in grading.
c.Execute.extra_arguments = [
    "--IPKernelApp.log_level=ERROR",
    "--IPKernelApp.exec_lines=import os, sys; sys.stderr = sys.stdout; os.dup2(1, 2)",
]

# formgrader and `nbgrader autograde` execute in the sandbox of `course grade`.
c.Autograde.autograde_preprocessors = [
    "course_lib.grading.record.SandboxedExecute",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Feedback shows why a hidden test failed, but not the test.
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
