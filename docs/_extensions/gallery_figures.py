"""Figures that exosk draws, taken into the gallery.

They are made without pyplot, so that threads can make them, and sphinx-gallery looks only there.
"""

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

from exosk.report import save_figure

_SHOWN = "_in_the_gallery"


def scrape_figures(block, block_vars, gallery_conf):
    """Save each figure that a cell made and pyplot does not know, once."""
    paths = []
    for value in list(block_vars["example_globals"].values()):
        # Figures of pyplot have a number, which they keep when they are closed.
        ours = isinstance(value, Figure) and not hasattr(value, "number")
        if ours and not hasattr(value, _SHOWN):
            setattr(value, _SHOWN, True)
            path = next(block_vars["image_path_iterator"])
            save_figure(value, path, dpi=110)
            paths.append(path)
    return figure_rst(paths, gallery_conf["src_dir"])
