"""Parameters, their priors, and the space that they span.

A prior is one of three small classes; each maps the unit interval to the parameter and back
through its distribution function, so that samplers and networks can work in the unit cube.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import stats
from sklearn.utils import check_random_state

from exosk.exceptions import RangeError, UnknownNameError

__all__ = [
    "LogUniform",
    "Normal",
    "Parameter",
    "ParameterArray",
    "ParameterSpace",
    "Prior",
    "Uniform",
]


class Prior(Protocol):
    """What a prior must offer; `distribution` is a frozen one of :mod:`scipy.stats`."""

    kind: ClassVar[str]

    @property
    def distribution(self) -> Any:
        """The frozen scipy.stats distribution."""
        ...


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RangeError(message)


@dataclass(frozen=True)
class Uniform:
    """Uniform between `low` and `high`."""

    low: float
    high: float
    kind: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        _require(
            bool(np.isfinite([self.low, self.high]).all()) and self.low < self.high,
            f"a uniform prior needs finite low < high, got {self.low} and {self.high}; "
            f"a parameter that is known exactly is fixed, not given a prior",
        )

    @property
    def distribution(self) -> Any:
        """The frozen scipy.stats distribution."""
        return stats.uniform(self.low, self.high - self.low)


@dataclass(frozen=True)
class LogUniform:
    """Uniform in the logarithm between `low` and `high`, both positive."""

    low: float
    high: float
    kind: ClassVar[str] = "loguniform"

    def __post_init__(self) -> None:
        _require(
            bool(np.isfinite([self.low, self.high]).all()) and 0 < self.low < self.high,
            f"a log-uniform prior needs finite 0 < low < high, got {self.low} and {self.high}",
        )

    @property
    def distribution(self) -> Any:
        """The frozen scipy.stats distribution."""
        return stats.loguniform(self.low, self.high)


@dataclass(frozen=True)
class Normal:
    """Normal with `mean` and `std`, cut off at `low` and `high` where these are finite."""

    mean: float
    std: float
    low: float = -np.inf
    high: float = np.inf
    kind: ClassVar[str] = "normal"

    def __post_init__(self) -> None:
        _require(
            bool(np.isfinite([self.mean, self.std]).all()) and self.std > 0,
            f"a normal prior needs a finite mean and std > 0, got {self.mean} and {self.std}",
        )
        _require(
            self.low < self.high
            and self.low < self.mean + 5 * self.std
            and self.high > self.mean - 5 * self.std,
            f"a normal prior {self.mean} +- {self.std} has no weight between its limits "
            f"{self.low} and {self.high}",
        )

    @property
    def distribution(self) -> Any:
        """The frozen scipy.stats distribution."""
        a, b = (self.low - self.mean) / self.std, (self.high - self.mean) / self.std
        return stats.truncnorm(a, b, self.mean, self.std)


_PRIORS: dict[str, type[Any]] = {prior.kind: prior for prior in (Uniform, LogUniform, Normal)}


@dataclass(frozen=True)
class Parameter:
    """One quantity that a simulator takes and a retrieval infers.

    Parameters
    ----------
    name : str
        As scripts say it: ``temperature``, ``planet_radius``, ``log_x_h2o``.
    prior : Uniform, LogUniform or Normal
        What is known before the spectrum is.
    unit : str, default=""
        The canonical unit, as text for tables.
    label : str, optional
        TeX for figures; the name by default.
    """

    name: str
    prior: Prior
    unit: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name.replace("_", " "))

    @property
    def bounds(self) -> tuple[float, float]:
        """The prior's support."""
        low, high = self.prior.distribution.support()
        return float(low), float(high)

    def to_dict(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON and TOML."""
        # JSON has no infinity: an open side is left out and comes back as the default.
        numbers = {k: float(v) for k, v in asdict(self.prior).items() if np.isfinite(v)}  # type: ignore[call-overload]
        prior = {"kind": self.prior.kind, **numbers}
        return {"name": self.name, "unit": self.unit, "label": self.label, "prior": prior}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Parameter:
        """Build the parameter that :meth:`to_dict` described."""
        return cls(
            content["name"],
            prior_from_dict(content["prior"], content["name"]),
            content.get("unit", ""),
            content.get("label", ""),
        )


def prior_from_dict(content: Mapping[str, Any], name: str) -> Prior:
    """Build a prior from ``{"kind": "uniform", "low": ..., "high": ...}``.

    Raises
    ------
    UnknownNameError
        If the kind is none of uniform, loguniform, normal.
    RangeError
        If a number is missing, superfluous or out of order.
    """
    if not isinstance(content, Mapping):
        raise RangeError(
            f"the prior of {name} must be a table such as "
            f'{{kind = "uniform", low = 1, high = 2}}, not {content!r}'
        )
    numbers = dict(content)
    kind = numbers.pop("kind", "uniform")
    if kind not in _PRIORS:
        raise UnknownNameError.suggest(f"kind of prior for {name}", kind, _PRIORS)
    try:
        prior: Prior = _PRIORS[kind](**{key: float(value) for key, value in numbers.items()})
    except (TypeError, ValueError) as error:
        if isinstance(error, RangeError):
            raise RangeError(f"prior of {name}: {error}") from error
        wanted = ", ".join(_PRIORS[kind].__dataclass_fields__)
        raise RangeError(
            f"the {kind} prior of {name} takes the numbers {wanted}; got {numbers}"
        ) from error
    return prior


class ParameterSpace:
    """An ordered set of parameters; its order is the order of the columns of Y and theta.

    Parameters
    ----------
    parameters : sequence of Parameter
        At least one, with distinct names.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._parameters = tuple(parameters)
        if not self._parameters:
            raise RangeError("a parameter space needs at least one parameter")
        twice = {name for name in self.names if self.names.count(name) > 1}
        if twice:
            raise RangeError(f"parameters named twice: {', '.join(sorted(twice))}")
        # Frozen scipy distributions are slow to build, and sampling asks for them often.
        self._distributions = [p.prior.distribution for p in self._parameters]

    def __len__(self) -> int:
        return len(self._parameters)

    def __getitem__(self, which: Any) -> Any:
        """Return a parameter by index or name, or a smaller space by slice."""
        if isinstance(which, str):
            return self._parameters[self.index(which)]
        if isinstance(which, slice):
            return ParameterSpace(self._parameters[which])
        return self._parameters[which]

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._parameters)

    def __contains__(self, item: object) -> bool:
        """Whether a parameter of that name is in the space."""
        return item in self.names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParameterSpace) and self._parameters == other._parameters

    def __hash__(self) -> int:
        return hash(self._parameters)

    def __reduce__(self) -> Any:
        return ParameterSpace, (self._parameters,)  # SciPy's distributions restore by exec

    def __repr__(self) -> str:
        return f"ParameterSpace({', '.join(self.names)})"

    @property
    def names(self) -> list[str]:
        """Names, in order."""
        return [parameter.name for parameter in self._parameters]

    @property
    def units(self) -> list[str]:
        """Units, in order."""
        return [parameter.unit for parameter in self._parameters]

    @property
    def labels(self) -> list[str]:
        """TeX labels, in order."""
        return [parameter.label for parameter in self._parameters]

    @property
    def bounds(self) -> np.ndarray:
        """Support of the priors, shape (n_parameters, 2)."""
        return np.array([parameter.bounds for parameter in self._parameters])

    def index(self, name: str) -> int:
        """Return the column of a parameter.

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        """
        if name not in self.names:
            raise UnknownNameError.suggest("parameter", name, self.names)
        return self.names.index(name)

    def replace(self, **priors: Prior) -> ParameterSpace:
        """Return the space with the priors of some parameters replaced."""
        for name in priors:
            self.index(name)
        return ParameterSpace(
            [
                Parameter(p.name, priors.get(p.name, p.prior), p.unit, p.label)
                for p in self._parameters
            ]
        )

    def sample(self, n: int, random_state: Any = None) -> np.ndarray:
        """Draw from the prior.

        Parameters
        ----------
        n : int
            How many.
        random_state : int, RandomState or None
            As in scikit-learn.

        Returns
        -------
        numpy.ndarray of shape (n, n_parameters)
        """
        unit = check_random_state(random_state).uniform(size=(n, len(self)))
        return self.from_unit_cube(unit)

    def from_unit_cube(self, unit: Any) -> np.ndarray:
        """Map points of the unit cube to parameters, by the priors' quantile functions.

        Parameters
        ----------
        unit : array-like of shape (..., n_parameters)
            Values in [0, 1].
        """
        unit = self._columns(unit, "unit-cube points")
        if ((unit < 0) | (unit > 1)).any():
            raise RangeError("unit-cube points must lie between 0 and 1")
        columns = [d.ppf(unit[..., k]) for k, d in enumerate(self._distributions)]
        return np.stack(columns, axis=-1)

    def to_unit_cube(self, theta: Any) -> np.ndarray:
        """Map parameters of shape (..., n_parameters) to the unit cube."""
        theta = self._columns(theta, "parameters")
        columns = [d.cdf(theta[..., k]) for k, d in enumerate(self._distributions)]
        return np.stack(columns, axis=-1)

    def log_prior(self, theta: Any) -> np.ndarray:
        """Log density of the prior, shape (...,); minus infinity outside its support."""
        theta = self._columns(theta, "parameters")
        return np.sum([d.logpdf(theta[..., k]) for k, d in enumerate(self._distributions)], axis=0)

    def _columns(self, values: Any, what: str) -> np.ndarray:
        values = np.asarray(values, dtype=float)
        if values.ndim == 0 or values.shape[-1] != len(self):
            raise RangeError(
                f"{what} must have {len(self)} columns ({', '.join(self.names)}); "
                f"got shape {values.shape}"
            )
        if np.isnan(values).any():
            raise RangeError(f"{what} contain NaN")
        return values

    def to_dict(self) -> list[dict[str, Any]]:
        """Return plain data for JSON."""
        return [parameter.to_dict() for parameter in self._parameters]

    @classmethod
    def from_dict(cls, content: Sequence[Mapping[str, Any]]) -> ParameterSpace:
        """Build the space that :meth:`to_dict` described."""
        return cls([Parameter.from_dict(entry) for entry in content])


class ParameterArray(np.ndarray):
    """A plain array of parameters that remembers their space.

    scikit-learn hands y to an estimator as it is, so this is how a retriever that is fitted on
    ``dataset.Y`` learns the names and units of what it predicts. Every operation gives an
    ordinary result; the space survives the selection of rows, and pickling (by which joblib
    hands y to another process).

    Parameters
    ----------
    values : array-like of shape (n, n_parameters)
        The parameters.
    space : ParameterSpace
        What the columns are.
    """

    space: ParameterSpace | None

    def __new__(cls, values: Any, space: ParameterSpace) -> ParameterArray:
        """View `values` as parameters of `space`."""
        array = np.asarray(values, dtype=float).view(cls)
        array.space = space
        return array

    def __array_finalize__(self, parent: Any) -> None:
        """Keep the space while the columns are still those of the space."""
        space = getattr(parent, "space", None)
        whole = space is not None and self.ndim == 2 and self.shape[1] == len(space)
        self.space = space if whole else None

    def __getitem__(self, which: Any) -> Any:
        """Select; a selection of columns may reorder them, and loses the space."""
        selected = super().__getitem__(which)
        columns = which[1:] if isinstance(which, tuple) else ()
        whole = all(c is ... or (isinstance(c, slice) and c == slice(None)) for c in columns)
        if isinstance(selected, ParameterArray) and not whole:
            selected.space = None
        return selected

    def __reduce__(self) -> Any:
        reduced = super().__reduce__()
        return reduced[0], reduced[1], (reduced[2], self.space)

    def __setstate__(self, state: Any) -> None:
        values, self.space = state
        super().__setstate__(values)
