"""Publications as the archive names them, as plain text.

It writes ``<a refstr=... href=https://ui.adsabs.harvard.edu/abs/BIBCODE/abstract ...>Author et al.
year</a>`` in its tables, and ``Author-et-al.-year`` in the heads of its files.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import quote, unquote

__all__ = ["ads_link", "author_text", "is_calculated", "reference_text"]

_ADS = re.compile(r"/abs/([^/]+)")
_HYPHENS = re.compile(r"-et-al\.?[- ]+")


class _Anchor(HTMLParser):
    """What a piece of markup says, and where it points."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.target = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.target = self.target or dict(attrs).get("href") or ""

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def reference_text(markup: str) -> str:
    """Return who is named, with the bibcode where there is one.

    Examples
    --------
    >>> reference_text("<a href=https://ui.adsabs.harvard.edu/abs/2012A%26A...546A..27B/abstract"
    ...                " target=ref> Bonfils et al. 2012 </a>")
    'Bonfils et al. 2012 (2012A&A...546A..27B)'
    """
    anchor = _Anchor(markup)
    said = author_text(" ".join("".join(anchor.said).split()))
    found = _ADS.search(anchor.target)
    bibcode = unquote(found[1]) if found else ""
    return f"{said} ({bibcode})" if said and bibcode else said or bibcode


def is_calculated(markup: str) -> bool:
    """Whether a value was not published but calculated by the archive."""
    return "calculated value" in reference_text(markup).casefold()


def author_text(authors: str) -> str:
    """Return authors without the hyphens that the archive puts between the words.

    Examples
    --------
    >>> author_text("Ricci-et-al.-2015")
    'Ricci et al. 2015'
    """
    return _HYPHENS.sub(" et al. ", authors).strip()


def ads_link(bibcode: str) -> str:
    """Return the address of a publication's abstract."""
    return f"https://ui.adsabs.harvard.edu/abs/{quote(bibcode, safe='')}/abstract"
