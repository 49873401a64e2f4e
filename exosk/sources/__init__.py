"""Observed spectra: local files, the embedded observations, and what any source must offer."""

from exosk.sources.embedded import EmbeddedSource
from exosk.sources.files import read_spectrum, write_spectrum
from exosk.sources.load import complete_system, load_spectrum, search_spectra
from exosk.sources.memory import as_spectrum
from exosk.sources.naming import fold_name
from exosk.sources.protocol import Listing, Source

__all__ = [
    "EmbeddedSource",
    "Listing",
    "Source",
    "as_spectrum",
    "complete_system",
    "fold_name",
    "load_spectrum",
    "read_spectrum",
    "search_spectra",
    "write_spectrum",
]
