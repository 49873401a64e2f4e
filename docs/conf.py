"""How Sphinx builds the site: ``make docs`` for all of it, tests/test_docs.py for all but figures.

Built pages ask nobody for anything: no fonts, scripts or styles of other servers.
"""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "_extensions"))

from api_names import public_names
from numpydoc.xref import DEFAULT_LINKS

project = "exosk"
author = "exosk developers"
copyright = f"2026, {author}"
release = version = metadata.version("exosk")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    # Our own.
    "api_names",
    "mathml",
]
exclude_patterns = ["_build", "examples", "gallery", "auto_gallery/**/*.ipynb"]
templates_path = ["_templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
# Indented blocks in the guides are a shell's; Python's are fenced, and say so.
highlight_language = "none"
default_role = "literal"

# ------------------------------------------------------------------------------------ references

# A name that leads nowhere is an error. Names of exosk are looked up by `api_names`: what exists
# and has no page, because it is internal, is set as code.
nitpicky = True
nitpick_ignore = [
    ("py:meth", "PluginManager.register"),  # in pluggy's docstring of what `hookimpl` is
]
myst_heading_anchors = 3
# `make linkcheck` asks these; the publishers among them turn programs away.
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_ignore = [r"https://(doi\.org|iopscience\.iop\.org|www\.nature\.com)/.*"]

# ------------------------------------------------------------------------------------ API pages

autosummary_generate = True
autodoc_default_options = {"member-order": "bysource"}
# The docstrings give types in words, with shapes and units.
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
# Of the words in types those lead somewhere that are exosk's; numpydoc's own are of other sites.
numpydoc_xref_aliases = {word: word for word in DEFAULT_LINKS} | {
    name.rpartition(".")[2]: name for name in public_names()
}
numpydoc_xref_ignore = "all"

# ------------------------------------------------------------------------------------ gallery

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("matplotlib", "gallery_figures.scrape_figures"),
    "reset_modules": ("matplotlib",),
    # What a cell shows is what it prints and draws.
    "capture_repr": (),
    "first_notebook_cell": "%matplotlib inline",
    "matplotlib_animations": False,
    "remove_config_comments": True,
    "show_signature": False,
    # Its page of running times asks other servers for scripts.
    "write_computation_times": False,
    "min_reported_time": 1,
    "abort_on_example_error": True,
    # Each name of exosk in an example's code leads to its page.
    "reference_url": {"exosk": None},
    "doc_module": ("exosk",),
    "backreferences_dir": "auto_gallery/backreferences",
    "inspect_global_variables": False,
}

# ------------------------------------------------------------------------------------ pages

html_theme = "pydata_sphinx_theme"
html_title = "exosk"
html_static_path = ["_static"]
html_css_files = ["exosk.css"]
# One page has nothing beside it.
html_sidebars = {"index": [], "start": []}
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
html_theme_options = {
    "logo": {"text": "exosk"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "pygments_light_style": "friendly",
    "pygments_dark_style": "monokai",
}
