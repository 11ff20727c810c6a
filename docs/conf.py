"""Settings of the documentation site: `python -m nox -s docs` builds it, without a network and without a warning."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from sphinx_autosummary_accessors.templates import templates_path as accessor_templates

import xrfsr

project = "xrfsr"
author = "xrfsr developers"
copyright = "xrfsr developers, BSD 3-Clause licence"
release = version = xrfsr.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_autosummary_accessors",
    "sphinx_copybutton",
    "sphinx_design",
    # of this folder
    "mathml",
    "names",
    "notebooks",
    "outside",
    "option_tables",
]
exclude_patterns = ["_build", "_extensions", "**.ipynb_checkpoints"]
templates_path = ["_templates", accessor_templates]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}

# Every reference that is written has to lead somewhere. Types of parameters are text (see napoleon below).
nitpicky = True
default_role = "name"

# Inventories of other projects need a network. Without one the site is complete but for links to other projects.
if os.environ.get("READTHEDOCS") or os.environ.get("XRFSR_DOCS_ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "xarray": ("https://docs.xarray.dev/en/stable", None),
        "dask": ("https://docs.dask.org/en/stable", None),
    }
    intersphinx_timeout = 10

autosummary_generate = True
autosummary_imported_members = False
autodoc_typehints = "none"  # they are in the texts of the parameters
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # outputs are those of `nox -s notebook`
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"xrfsr {release}"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "xrfsr", "image_light": "_static/logo.svg", "image_dark": "_static/logo.svg", "alt_text": ""},
    "navbar_align": "left",
    "navbar_persistent": [],
    "navbar_end": ["search-button", "theme-switcher"],
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "collapse_navigation": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": []}
