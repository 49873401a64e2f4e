"""Formulas as MathML, which browsers draw by themselves: no script, no font of another server."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)


def render(self, node, display):
    """Write one formula; what cannot be converted is a warning, and so an error."""
    tex = node.astext()
    try:
        markup = convert(tex, display=display)
    except Exception as error:
        LOGGER.warning("no MathML of %r: %s", tex, error, location=node)
        markup = f"<code>{self.encode(tex)}</code>"
    if display == "block":
        markup = f'<div class="math-block">{markup}</div>\n'
    self.body.append(markup)
    raise nodes.SkipNode


def setup(app):
    """Register the renderer under the name ``mathml``."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(lambda self, node: render(self, node, "inline"), None),
        block_renderers=(lambda self, node: render(self, node, "block"), None),
    )
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
