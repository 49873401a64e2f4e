"""What the suites share: the object under test, and how a refusal has to look."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

from exosk.exceptions import ExoskError

__all__ = ["Suite", "check_citation", "check_json", "check_pickle", "check_refused"]


class Suite:
    """A set of laws; a subclass says what they are tested on."""

    def make(self) -> Any:
        """Return the object under test; called once for a class of tests."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a method make() that returns what is to be tested"
        )

    def _made(self) -> Any:
        """Return what :meth:`make` made, for all tests of the class the same."""
        return self._once("object", self.make)

    def _once(self, name: str, compute: Callable[[], Any]) -> Any:
        """Compute something the first time that a test of the class needs it."""
        suite = type(self)
        if "_kept" not in vars(suite):
            suite._kept = {}  # type: ignore[attr-defined]
        kept: dict[str, Any] = vars(suite)["_kept"]
        if name not in kept:
            kept[name] = compute()
        return kept[name]


def check_refused(call: Callable[[], Any], what: str) -> ExoskError:
    """Assert that bad input meets one clear error of exosk's, and return it.

    Parameters
    ----------
    call : callable
        Hands over the bad input.
    what : str
        The bad input, as the subject of a sentence.
    """
    remedy = (
        "raise an error of exosk.exceptions that names the thing, its value and the remedy in one "
        "sentence"
    )
    try:
        call()
    except ExoskError as error:
        message = str(error)
        assert message.strip(), f"{what} is refused without a word; {remedy}"
        assert "\n" not in message.strip(), f"{what} is refused with several lines; {remedy}"
        return error
    except Exception as error:
        raise AssertionError(f"{what} raises {type(error).__name__} ({error}); {remedy}") from error
    raise AssertionError(f"{what} is accepted; {remedy}")


def check_json(content: Any, what: str) -> None:
    """Assert that something survives JSON unchanged."""
    try:
        again = json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(
            f"{what} is not JSON ({error}); turn arrays into lists, NumPy numbers into Python's, "
            f"and leave out NaN and infinity"
        ) from error
    assert again == content, (
        f"{what} changes in JSON (tuples become lists, numbers as keys text); use plain lists and "
        f"dictionaries with text as keys"
    )


def check_citation(citation: Any, what: str) -> None:
    """Assert that there is text, or a list of it, to cite."""
    texts = citation if isinstance(citation, list | tuple) else [citation]
    said = [text for text in texts if isinstance(text, str) and text.strip()]
    assert 0 < len(said) == len(texts), (
        f"{what} must say what a paper that uses it should cite, as text or a list of texts; it "
        f"is {citation!r}"
    )


def check_pickle(subject: Any, what: str) -> Any:
    """Assert that something can be sent to another process, and return what arrives there."""
    try:
        return pickle.loads(pickle.dumps(subject))
    except Exception as error:
        raise AssertionError(
            f"{what} cannot be pickled ({type(error).__name__}: {error}), which jobs in other "
            f"processes need; keep its settings and rebuild the rest in __reduce__"
        ) from error
