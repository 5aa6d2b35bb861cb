"""Sphinx's settings for the book; `make book` lays out its sources first (stage.py).

Nothing is fetched while it is built or read: MathJax and the fonts come from npm
packages, and no extension here loads anything from elsewhere.
"""

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import docstrings  # noqa: E402
import ipykernel.ipkernel  # noqa: E402, F401  # which course_lib.grading.probe needs
from pygments.lexers.special import TextLexer  # noqa: E402

PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]

project = "Ocean Deep Learning Course"
author = "The Ocean Deep Learning Course authors"
copyright = f"{author}. Lessons CC BY 4.0, code MIT"
release = PROJECT["version"]
language = "en_GB"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_*", "CONTRIBUTING.md"]  # the latter is included by a page

nb_execution_mode = "off"  # the outputs are those of the committed solutions
nb_merge_streams = True
nb_code_prompt_show = "Show the check"
nb_code_prompt_hide = "Hide the check"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
bibtex_default_style = "plain"

add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
viewcode_line_numbers = True
toc_object_entries_show_parents = "hide"

mathjax_path = "es5/tex-svg-full.js"
# $ opens a formula where Markdown does not read: in the hints, which are HTML.
mathjax3_config = {"tex": {"inlineMath": [["\\(", "\\)"], ["$", "$"]]}}

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["ocean.css"]
html_js_files = ["search.js"]
html_favicon = "static/wave.svg"
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_domain_indices = False
html_permalinks_icon = "#"
html_theme_options = {
    "repository_url": PROJECT["urls"]["Repository"],
    "repository_branch": "main",
    "path_to_docs": "",  # the sources are laid out as in the repository
    "use_repository_button": True,
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    },
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search stands in the side bar
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def add_staged_files(app, config) -> None:
    """What stage.py has laid beside the pages: decks, MathJax, fonts and references."""
    config.bibtex_bibfiles = [str(Path(app.srcdir) / "references.bib")]
    config.html_static_path.append(str(Path(app.srcdir) / "_static"))
    config.html_extra_path.append(str(Path(app.srcdir) / "_extra"))


def setup(app) -> None:
    """Connects what this book adds to Sphinx."""
    app.add_lexer("csv", TextLexer)
    app.connect("config-inited", add_staged_files)
    app.connect("autodoc-process-docstring", docstrings.process)
    app.connect("autodoc-before-process-signature", docstrings.without_options)
    app.connect("autodoc-skip-member", docstrings.skips)
