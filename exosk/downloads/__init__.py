"""Files from archives: fetched politely, checked, and kept where they are found again."""

from exosk.downloads.cache import Cache, CacheEntry, Item, default_cache
from exosk.downloads.client import Client, Origin
from exosk.downloads.contents import check_contents, safe_name

__all__ = [
    "Cache",
    "CacheEntry",
    "Client",
    "Item",
    "Origin",
    "check_contents",
    "default_cache",
    "safe_name",
]
