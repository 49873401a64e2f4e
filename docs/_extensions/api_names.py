"""Names of exosk: which are public, and where a name in a docstring leads.

Docstrings name things as their own module sees them (``exosk.models.network.SpectralNetwork``,
``read_spectrum``), pages as users import them (``exosk.load_spectrum``). So a name is looked up as
Python would, and leads to the page of the object that is found. An object without a page is
internal, and set as code; a name that no object has is a warning, and so an error.
"""

import functools
import importlib
import inspect
import re

from sphinx.util.nodes import make_refnode

import exosk

# Packages whose `__all__` is public beside the facade's names.
PACKAGES = (
    "augmentation",
    "benchmark",
    "datasets",
    "downloads",
    "evaluation",
    "explain",
    "inference",
    "instruments",
    "models",
    "opacities",
    "paper",
    "plugin",
    "preprocessing",
    "pretrained",
    "report",
    "retrieval",
    "simulators",
    "sources",
    "survey",
    "testing",
)
# Stands for an attribute that only instances have.
_MEMBER = object()


def public_names():
    """Return all public names as users import them: the facade's, then those of packages alone."""
    facade = [name for name in exosk.__all__ if name != "__version__"]
    names = [f"exosk.{name}" for name in facade]
    for package in PACKAGES:
        module = importlib.import_module(f"exosk.{package}")
        names += [f"exosk.{package}.{name}" for name in module.__all__ if name not in facade]
    return names


@functools.cache
def follow(path):
    """Return the object behind a dotted path, or None."""
    parts = path.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for k in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:k]))
        except ImportError:
            continue
        for part in parts[k:]:
            if inspect.isclass(found) and getattr(found, part, None) is None:
                return _MEMBER if tells_of(found, part) else None
            found = getattr(found, part, None)
        return found
    return None


def tells_of(owner, attribute):
    """Whether a class's docstring, or that of one it inherits, lists an attribute of instances."""
    line = re.compile(rf"^(\w+, )*{attribute}(, \w+)* :", re.MULTILINE)
    return any(line.search(inspect.cleandoc(each.__doc__ or "")) for each in inspect.getmro(owner))


def places(target, node):
    """Paths that a name may stand for: as it is, or as seen from where it is written."""
    yield target
    page = node.get("refdoc", "").rpartition("/")[2]
    around = [page if page.startswith("exosk.") else None, node.get("py:module")]
    for place in filter(None, around):
        yield f"{place}.{target}"
        owner = follow(place)
        for each in inspect.getmro(owner) if inspect.isclass(owner) else (owner,):
            home = getattr(each, "__module__", None) or ""
            yield f"{home}.{target}"


def page_of(path, pages):
    """Return the name under which the object of a path has a place in the pages, or None."""
    if path in pages:
        return path
    found = follow(path)
    # Constants may be the same object by chance: only what has a name of its own is compared.
    if inspect.isclass(found):
        return next((name for name in pages if follow(name) is found), None)
    head, _, attribute = path.rpartition(".")
    owner = page_of(head, pages) if inspect.isclass(follow(head)) else None
    if owner:
        return f"{owner}.{attribute}" if f"{owner}.{attribute}" in pages else owner
    if inspect.isroutine(found):
        return next((name for name in pages if follow(name) is found), None)
    return None


def resolve(app, env, node, contnode):
    """Lead a name that Sphinx does not find to its page; leave code where there is none."""
    if node.get("refdomain") != "py":
        return None
    target, pages = node["reftarget"].lstrip("~.!"), env.get_domain("py").objects
    existing = [path for path in dict.fromkeys(places(target, node)) if follow(path) is not None]
    found = filter(None, (page_of(path, pages) for path in existing))
    # Tables of a page are about no one object: there a name is clear if no other ends so.
    alike = [name for name in pages if name.endswith(f".{target}")]
    name = next(found, None) or (alike[0] if len(alike) == 1 and not existing else None)
    if name:
        entry = pages[name]
        return make_refnode(
            app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, name
        )
    return contnode if existing else None


def skip_foreign(app, what, name, obj, skip, options):
    """Leave out what classes inherit from other libraries, which document it themselves."""
    function = getattr(obj, "fget", None) or getattr(obj, "func", None) or obj
    home = getattr(inspect.unwrap(function), "__module__", None) or ""
    if what == "class" and not name.startswith("_") and home and not home.startswith("exosk"):
        return True
    return None


def setup(app):
    """Connect both to Sphinx."""
    app.connect("missing-reference", resolve)
    app.connect("autodoc-skip-member", skip_foreign)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
