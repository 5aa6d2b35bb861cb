"""Where the course finds real data, and where it keeps what it made or downloaded."""

import os
from pathlib import Path

import platformdirs


def real_data(name: str) -> Path | None:
    """Folder `name` under the environment variable COURSE_DATA; None if absent.

    Raises FileNotFoundError where COURSE_DATA names no folder.
    """
    root = os.environ.get("COURSE_DATA")
    if not root:
        return None
    if not Path(root).is_dir():
        raise FileNotFoundError(
            f"COURSE_DATA is set to {root}, which is no folder: "
            "correct the variable, or unset it to use the embedded data"
        )
    folder = Path(root) / name
    return folder if folder.is_dir() else None


def cache(name: str) -> Path:
    """Folder `name` in the user's cache of the course, which may not exist yet."""
    return platformdirs.user_cache_path("ocean-deep-learning-course") / name
