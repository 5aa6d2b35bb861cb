"""nbgrader's settings: `nbgrader …`, formgrader and `course …` all read them."""

import os
import sys
from pathlib import Path

from course_lib.cells import STUB
from course_lib.grading.hooks import KERNEL_ARGUMENTS

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
c.Execute.extra_arguments = KERNEL_ARGUMENTS
c.Execute.shutdown_kernel = "immediate"  # a second saved a submission

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
