"""nbgrader's settings: `nbgrader …`, formgrader and `course …` all read them."""

from course_lib.build import QUIET_KERNEL
from course_lib.grading.hooks import stderr_is_no_failure
from course_lib.source import STUB

c = get_config()  # noqa: F821 (nbgrader defines it)

c.CourseDirectory.course_id = "ocean-deep-learning"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
# The sources stand beside the solutions and must not be released with them.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.py"]

c.ClearSolutions.code_stub = {"python": STUB}
c.ClearSolutions.text_stub = "*Write your answer here, in place of this line.*"

c.Execute.timeout = 120  # seconds a cell; the longest training takes about 10
c.Execute.extra_arguments = QUIET_KERNEL
c.Execute.shutdown_kernel = "immediate"  # a second saved a submission
# A warning or a log line is not a wrong answer; nbgrader would give it 0 points.
c.Execute.on_cell_complete = stderr_is_no_failure

# Feedback shows why a hidden test failed, but not the test.
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
