"""The structure of a model as a skops file, in which only known types may be.

skops writes an object as a tree of types and plain data, and nothing in it is code. Reading still
makes objects, so it makes none but those that skops itself trusts (scikit-learn's estimators,
NumPy's arrays, generators and functions, Python's containers) and those listed here.

The nodes of a decision tree, and the places of a sparse matrix, are numbers that compiled code
follows without looking: a file made up on purpose could send it outside its memory. So they are
checked once, when they are read.
"""

from __future__ import annotations

import inspect
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.ensemble._base import BaseEnsemble
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree

from exosk.exceptions import FileFormatError

__all__ = ["TRUSTED", "dump", "restore", "walk"]

# Every estimator, transformer and piece of plain data that one of them keeps. What runs code or
# opens files when it is made or restored has no place here: SciPy's distributions, for one, restore
# themselves by executing text.
_CLASSES = {
    "exosk.augmentation.contamination": ["ContaminationInjector"],
    "exosk.augmentation.coverage": ["CoverageDropout"],
    "exosk.augmentation.dropout": ["BinDropout"],
    "exosk.augmentation.merging": ["BinMerger"],
    "exosk.augmentation.noise": ["NoiseInjector"],
    "exosk.augmentation.offsets": ["OffsetInjector"],
    "exosk.grids": ["SpectralGrid"],
    "exosk.inference.conformal": ["ConformalRetriever"],
    "exosk.inference.guard": ["SpectrumGuard"],
    "exosk.inference.guard_features": ["FeatureDistance"],
    "exosk.inference.guard_reference": ["ReferenceSpectra"],
    "exosk.inference.guard_scores": ["KnownSpectra"],
    "exosk.instruments.instrument": ["Instrument"],
    "exosk.models.calibration": ["PlattScaling"],
    "exosk.models.cnn": ["CNNDetector", "CNNRetriever"],
    "exosk.models.detector": ["MoleculeDetector"],
    "exosk.models.flow": ["FlowRetriever"],
    "exosk.models.forest": ["ForestRetriever"],
    "exosk.models.gan": ["InpaintingGANRetriever"],
    "exosk.models.mlp": ["MLPDetector", "MLPRetriever"],
    "exosk.models.replicated": ["Replicated"],
    "exosk.models.targets": ["EmpiricalTargets", "PriorTargets"],
    "exosk.parameters": ["LogUniform", "Normal", "Parameter", "ParameterSpace", "Uniform"],
    "exosk.preprocessing.aspa": ["AspaEncoder"],
    "exosk.preprocessing.aspa_layout": ["AspaLayout"],
    "exosk.preprocessing.continuum": ["ContinuumRemover"],
    "exosk.preprocessing.imputing": ["SpectrumImputer"],
    "exosk.preprocessing.masking": ["Masker"],
    "exosk.preprocessing.overlap": ["Overlap"],
    "exosk.preprocessing.rebinning": ["Rebinner"],
    "exosk.preprocessing.scaling": ["SpectrumScaler"],
    "exosk.rows": ["RowLayout"],
    "exosk.spectra": ["Spectrum"],
    "scipy.sparse._csr": ["csr_array", "csr_matrix"],
    "sklearn.feature_selection._univariate_selection": ["f_classif", "f_regression"],
    "sklearn.gaussian_process.kernels": [
        "RBF",
        "ConstantKernel",
        "Exponentiation",
        "Matern",
        "Product",
        "RationalQuadratic",
        "Sum",
        "WhiteKernel",
    ],
    "sklearn.tree._tree": ["Tree"],
}

#: Names of the types that a model may hold beside those that skops trusts.
TRUSTED = tuple(f"{module}.{name}" for module, names in _CLASSES.items() for name in names)


def dump(estimator: Any) -> bytes:
    """Write an estimator.

    Parameters
    ----------
    estimator : BaseEstimator
        Fitted, without weights of networks.

    Returns
    -------
    bytes
        A skops file.

    Raises
    ------
    FileFormatError
        If it holds something that :func:`restore` would refuse.
    """
    from skops import io

    try:
        data = io.dumps(estimator, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        strangers = set(io.get_untrusted_types(data=data)) - set(TRUSTED)
    except (TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(f"{type(estimator).__name__} cannot be saved: {error}") from error
    if strangers:
        raise FileFormatError(
            f"{type(estimator).__name__} cannot be saved: it holds {', '.join(sorted(strangers))}, "
            f"and a saved model may hold only exosk's and scikit-learn's estimators and plain data "
            f"(numbers, arrays, text); replace it"
        )
    return data


def restore(data: bytes, name: str) -> Any:
    """Read an estimator.

    Parameters
    ----------
    data : bytes
        A skops file.
    name : str
        What to call it in an error.

    Returns
    -------
    BaseEstimator

    Raises
    ------
    FileFormatError
        If it is not a skops file, is damaged, or holds a type that is not known.
    """
    import io as streams

    from skops import io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        with zipfile.ZipFile(streams.BytesIO(data)) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise FileFormatError(f"{name} is damaged: the checksum of {broken} is wrong")
        estimator = io.loads(data, trusted=list(TRUSTED))
        if not isinstance(estimator, BaseEstimator):
            raise FileFormatError(f"{name} holds a {type(estimator).__name__}, not an estimator")
        _check_places(estimator, name)
        _add_younger_settings(estimator)
    except FileFormatError:
        raise
    except UntrustedTypesFoundException as error:
        found = str(error).splitlines()[0].rstrip(".")
        raise FileFormatError(
            f"{name} holds what no model of exosk does ({found}), so nothing of it was loaded; "
            f"get the model from someone you trust, or train it anew"
        ) from error
    # What a file made up on purpose can bring about has no end; none of it is ours to tell apart.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileFormatError(f"{name} is not a readable model: {reason}") from error
    return estimator


def _add_younger_settings(root: Any) -> None:
    """Give estimators that are older than a setting its default: they cannot be shown without."""
    for _, one in walk(root):
        if not isinstance(one, BaseEstimator):
            continue
        for name, setting in inspect.signature(type(one).__init__).parameters.items():
            if setting.default is not setting.empty and not hasattr(one, name):
                setattr(one, name, setting.default)


def walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Go through an estimator and all that it holds.

    Yields
    ------
    (str, object)
        Where it is, as in ``"steps.1.1"``, and the object; each object once, in an order that
        depends on nothing but the structure. The torch modules of networks (`members_`) are left
        out.
    """
    seen: set[int] = set()
    pending: list[tuple[str, Any]] = [("", root)]
    while pending:
        path, value = pending.pop()
        if id(value) in seen or isinstance(value, str | bytes | int | float | type(None)):
            continue
        seen.add(id(value))
        yield path, value
        if isinstance(value, dict):
            parts = [(str(key), item) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            parts = [(str(k), item) for k, item in enumerate(value)]
        elif isinstance(value, np.ndarray):
            flat = value.flat if value.dtype == object else ()
            parts = [(str(k), item) for k, item in enumerate(flat)]
        else:
            held = getattr(value, "__dict__", {})
            parts = [(key, item) for key, item in held.items() if key != "members_"]
        # The first to come is the last of the pile.
        for key, item in sorted(parts, key=lambda part: part[0], reverse=True):
            pending.append((f"{path}.{key}".lstrip("."), item))


def _check_places(estimator: Any, name: str) -> None:
    """Refuse trees whose nodes lead out of the tree, or round in it, or ask for other columns."""
    for path, value in walk(estimator):
        wrong = False
        if isinstance(value, Tree):
            wrong = not _leads_to_leaves(value)
        elif isinstance(value, BaseDecisionTree) and hasattr(value, "tree_"):
            wrong = value.tree_.n_features != value.n_features_in_
        elif isinstance(value, BaseEnsemble) and hasattr(value, "estimators_"):
            members = np.ravel(value.estimators_).tolist()
            trees = [member for member in members if isinstance(member, BaseDecisionTree)]
            wrong = any(tree.n_features_in_ != value.n_features_in_ for tree in trees)
        elif sparse.issparse(value):
            value.check_format(full_check=True)  # a ValueError
        if wrong:
            raise FileFormatError(
                f"{name} is not a readable model: the decision tree at {path} is not one"
            )


def _leads_to_leaves(tree: Tree) -> bool:
    n = tree.node_count
    if not 0 < n <= tree.capacity:
        return False
    left, right, node = tree.children_left, tree.children_right, np.arange(n)
    leaf = (left == -1) & (right == -1)
    # A child has a larger number than its parent, so that every way ends.
    inner = (left > node) & (left < n) & (right > node) & (right < n)
    inner &= (tree.feature >= 0) & (tree.feature < tree.n_features)
    return bool((leaf | inner).all())
