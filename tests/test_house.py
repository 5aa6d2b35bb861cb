"""The files around the course say what is true."""

import re
import tomllib
from urllib.parse import unquote

import pytest
import yaml


@pytest.fixture
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def test_torch_and_torchvision_are_pinned(project):
    assert "torch==2.13.0" in project["dependencies"]
    assert "torchvision==0.28.0" in project["dependencies"]


def test_conda_takes_its_packages_from_pyproject(root):
    environment = yaml.safe_load((root / "environment.yml").read_text())
    assert environment["dependencies"][-1] == {"pip": ["-e .[dev]"]}
    assert environment["name"] in (root / "README.md").read_text()


def test_badges_lead_to_notebooks_that_exist(root, project):
    text = (root / "README.md").read_text()
    repository = project["urls"]["Repository"].removeprefix("https://github.com/")
    binder = re.findall(r"mybinder\.org/v2/gh/(.+?)/main\?labpath=([^)]+)\)", text)
    colab = re.findall(r"colab\S+?/github/(.+?)/blob/main/([^)]+)\)", text)
    assert len(binder) == len(colab) == 1
    for owner, path in binder + colab:
        assert owner == repository
        assert (root / unquote(path)).is_file()


def test_make_has_one_line_a_target(root):
    lines = (root / "Makefile").read_text().splitlines()
    targets = {line.split(":")[0] for line in lines if re.match(r"[a-z]+:", line)}
    assert targets >= {"demo", "test", "lab", "build", "clean"}
    assert not [line for line in lines if line.startswith("\t")]


def test_citation_is_complete(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert len(citation["references"]) >= 5
    assert all(
        {"type", "title", "authors", "year"} <= set(r) for r in citation["references"]
    )


def test_readme_and_contributing_name_real_commands(root):
    from course_lib.cli import app

    commands = {command.name for command in app.registered_commands}
    for page in ("README.md", "CONTRIBUTING.md"):
        named = re.findall(r"`course ([a-z]+)", (root / page).read_text())
        assert set(named) <= commands
