"""astroquery's MAST, with addresses that can be set and time-outs, and its errors as exosk's."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from exosk.downloads import Client
from exosk.exceptions import DownloadError, UnknownNameError

__all__ = ["make_portal", "translated"]

_AGAIN = (429, 500, 502, 503, 504)


class _Patient(HTTPAdapter):
    """Waits as long as it is told to, and no longer: astroquery itself sets no time-out."""

    def __init__(self, timeout: tuple[float, float], **options: Any) -> None:
        self._timeout = timeout
        super().__init__(**options)

    def send(self, request: Any, *args: Any, timeout: Any = None, **kwargs: Any) -> Any:
        """Send a request."""
        kwargs["timeout"] = self._timeout if timeout is None else timeout
        return super().send(request, *args, **kwargs)


def make_portal(base: str, client: Client) -> Any:
    """Return astroquery's ``Observations`` for a server.

    Parameters
    ----------
    base : str
        The server's address.
    client : Client
        Whose time-outs and number of retries hold.

    Returns
    -------
    astroquery.mast.ObservationsClass
        Always the same for the same arguments, so that its description of columns is fetched once.
    """
    timeout = (client.connect_timeout, client.read_timeout)
    return _portal(base, timeout, client.n_retries, client.backoff)


@functools.lru_cache(maxsize=8)
def _portal(base: str, timeout: tuple[float, float], n_retries: int, backoff: float) -> Any:
    from astroquery.mast import ObservationsClass

    portal = ObservationsClass()
    # astroquery.mast.conf.server counts only until astroquery.mast is first imported, by whomever.
    api = portal._portal_api_connection
    api.MAST_REQUEST_URL = f"{base}/api/v0/invoke"
    api.COLUMNS_CONFIG_URL = f"{base}/portal/Mashup/Mashup.asmx/columnsconfig"
    api._column_configs = {}
    retry = Retry(
        n_retries,
        connect=min(2, n_retries),
        read=min(1, n_retries),
        allowed_methods=None,  # queries are posted, and asking twice changes nothing
        status_forcelist=_AGAIN,
        backoff_factor=backoff,
        raise_on_status=False,
    )
    for scheme in ("https://", "http://"):
        api._session.mount(scheme, _Patient(timeout, max_retries=retry))
    return portal


@contextlib.contextmanager
def translated(base: str, what: str) -> Iterator[None]:
    """Turn what astroquery raises into exosk's errors.

    Parameters
    ----------
    base : str
        The server's address.
    what : str
        What was asked, for errors.
    """
    from astroquery.exceptions import InvalidQueryError, NoResultsWarning, RemoteServiceError

    try:
        with warnings.catch_warnings():
            # That nothing was found is told by an empty table.
            warnings.simplefilter("ignore", NoResultsWarning)
            yield
    except InvalidQueryError as error:
        raise UnknownNameError(f"MAST cannot be asked for {what}: {_line(error)}") from error
    except requests.HTTPError as error:
        status = None if error.response is None else error.response.status_code
        refused = DownloadError(
            f"{base} answered {status} when asked for {what}; the service may be busy or down: try "
            f"again later"
        )
        refused.status = status
        raise refused from error
    except (requests.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DownloadError(
            f"{base} answered with something else than observations when asked for {what}; the "
            f"service may be down, or this plugin older than the service: try again later"
        ) from error
    except (requests.RequestException, RemoteServiceError, TimeoutError) as error:
        late = isinstance(error, requests.Timeout | TimeoutError) or "timed out" in str(error)
        reason = "no answer in time" if late else _line(error)
        if isinstance(error, requests.ConnectionError) and not late:
            reason = "no connection"
        raise DownloadError(
            f"{base} could not be asked for {what}: {reason}; try again later"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
