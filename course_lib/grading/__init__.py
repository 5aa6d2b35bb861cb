"""From submissions to marks, through nbgrader."""
