"""Observed spectra: local files, the embedded observations, and what any source must offer."""

from exosk.sources.embedded import EmbeddedSource
from exosk.sources.files import read_spectrum, write_spectrum
from exosk.sources.load import load_spectrum
from exosk.sources.naming import fold_name
from exosk.sources.protocol import Source

__all__ = [
    "EmbeddedSource",
    "Source",
    "fold_name",
    "load_spectrum",
    "read_spectrum",
    "write_spectrum",
]
