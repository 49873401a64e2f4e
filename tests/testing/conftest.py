"""Running one law of a suite on one object."""

import pytest
from _pytest.outcomes import Skipped


@pytest.fixture
def law_broken_by():
    """Run a law and return what it complains of; None when it is kept."""

    def run(suite: type, law: str, made: object, *arguments: object, make=None) -> str | None:
        tested = type("Tested", (suite,), {"make": make or (lambda self: made)})()
        try:
            getattr(tested, law)(made, *arguments)
        except AssertionError as error:
            return str(error)
        except Skipped as skipped:
            return f"skipped: {skipped}"
        return None

    return run
