"""Models on disk: they come back to the last bit, and nothing else comes in with them."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops import io as skops_io

import exosk
from exosk.augmentation import BinDropout, ContaminationInjector, NoiseInjector, OffsetInjector
from exosk.datasets import Dataset
from exosk.exceptions import FileFormatError, GridError, RangeError
from exosk.inference.conformal import ConformalRetriever
from exosk.models import ForestRetriever, MoleculeDetector
from exosk.models.cnn import CNNDetector, CNNRetriever
from exosk.models.final_step import FinalStep
from exosk.models.mlp import MLPDetector, MLPRetriever
from exosk.models.persistence import load_model, save_model
from exosk.models.replicated import Replicated
from exosk.models.trusted import TRUSTED, dump, restore
from exosk.parameters import LogUniform, Normal, Parameter, ParameterSpace, Uniform
from exosk.preprocessing import (
    ContinuumRemover,
    Masker,
    Rebinner,
    SpectrumImputer,
    SpectrumScaler,
)
from exosk.spectra import SpectralGrid, Spectrum

GRID = SpectralGrid.from_edges(np.linspace(1, 2, 9))
COARSE = SpectralGrid.from_edges(np.linspace(1, 2, 5))
SPACE = ParameterSpace(
    [
        Parameter("log_x_h2o", Uniform(-12, -1), "log VMR"),
        Parameter("temperature", Normal(1000, 300, low=100), "K", "$T$"),
        Parameter("planet_radius", LogUniform(0.5, 2), "R_jup"),
    ]
)
SIGMA = np.linspace(0.8e-4, 1.2e-4, 8)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Spectra that are smooth functions of three parameters."""
    Y = SPACE.sample(150, random_state=0)
    unit = SPACE.to_unit_cube(Y)
    phase = np.linspace(0, np.pi, 8)
    shapes = np.stack([np.cos(phase), np.sin(phase), np.cos(2 * phase)])
    X = 0.02 + 1e-3 * np.tanh(unit @ shapes)
    return Dataset(X, Y, GRID, SPACE, ("H2O",), provenance={"simulator": "toy", "seed": 0})


@pytest.fixture(scope="module")
def spectrum(data) -> Spectrum:
    noise = SIGMA * np.random.default_rng(1).standard_normal(8)
    return Spectrum(GRID, data.X[0] + noise, SIGMA, name="Toy b")


def forest(n: int = 5) -> ForestRetriever:
    return ForestRetriever(n, random_state=0)


def noise(**options) -> NoiseInjector:
    return NoiseInjector(SIGMA, 0, **options)


QUICK = {"grid": GRID, "max_epochs": 2, "random_state": 0, "augmentation": noise(grid=GRID)}
NETWORK = {"hidden": (8,), **QUICK}

RETRIEVERS = {
    "forest": forest(),
    "pipeline": make_pipeline(noise(), SpectrumScaler(), forest()),
    "errors in X": make_pipeline(
        NoiseInjector("columns", 0, scale=(0.5, 2), grid=GRID), SpectrumScaler(grid=GRID), forest()
    ),
    "search": GridSearchCV(
        make_pipeline(noise(), forest()), {"forestretriever__n_estimators": [2, 3]}, cv=2
    ),
    "replicated": Replicated(forest(), 2, make_pipeline(noise(), SpectrumScaler()), 0),
    "conformal": ConformalRetriever(
        make_pipeline(noise(), forest()), noise=noise(), random_state=0
    ),
    "a search within": ConformalRetriever(
        GridSearchCV(forest(), {"n_estimators": [2, 3]}, cv=2), random_state=0
    ),
    "scikit-learn's": make_pipeline(StandardScaler(), PCA(3), forest()),
    "rebinned": make_pipeline(Rebinner(COARSE, grid=GRID), forest()),
    "masked": make_pipeline(Masker(GRID, hide=[(1.0, 1.3)], drop=True), forest()),
    "imputed": make_pipeline(BinDropout(grid=GRID, random_state=0), SpectrumImputer(), forest()),
    "continuum": make_pipeline(ContinuumRemover(grid=GRID), forest()),
    "scaled by bands": make_pipeline(SpectrumScaler("bands", grid=GRID), forest()),
    "offsets": make_pipeline(
        OffsetInjector({"red": (1.5, 2.0)}, random_state=0, grid=GRID), forest()
    ),
    "contaminated": make_pipeline(ContaminationInjector(5000, 0.1, 4000, grid=GRID), forest()),
    "mlp": MLPRetriever(n_members=2, **NETWORK),
    "mlp in a pipeline": make_pipeline(StandardScaler(), MLPRetriever(**NETWORK)),
    "cnn": CNNRetriever(**QUICK),
    "conformal mlp": ConformalRetriever(MLPRetriever(**NETWORK), random_state=0),
}
DETECTORS = {
    "forest": MoleculeDetector(5, random_state=0),
    "pipeline": make_pipeline(noise(), SpectrumScaler(), MoleculeDetector(5, random_state=0)),
    "replicated": Replicated(MoleculeDetector(5, random_state=0), 2, noise(), 0),
    "search": GridSearchCV(MoleculeDetector(random_state=0), {"n_estimators": [2, 3]}, cv=2),
    "mlp": MLPDetector(**NETWORK),
    "cnn": CNNDetector(**QUICK),
}


def fitted(model: BaseEstimator, data: Dataset, y: object) -> BaseEstimator:
    told = "'columns'" in repr(model)
    return model.fit(data.with_sigma(SIGMA) if told else data.X, y)


@pytest.fixture(scope="module")
def saved(data, tmp_path_factory) -> Path:
    """A small model of three files, to be copied before it is harmed."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    model = ConformalRetriever(MLPRetriever(**NETWORK), random_state=0)
    save_model(fitted(model, data, data.Y), folder, data, sigma=SIGMA)
    return folder


@pytest.fixture(scope="module")
def forest_folder(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "forest"
    save_model(fitted(forest(2), data, data.Y), folder, data, sigma=SIGMA)
    return folder


# --- there and back --------------------------------------------------------------------------


@pytest.mark.parametrize("name", RETRIEVERS)
def test_a_retriever_answers_as_before_to_the_last_bit(name, data, spectrum, tmp_path):
    model = fitted(RETRIEVERS[name], data, data.Y)
    X = np.vstack([spectrum.to_row(sigma=model.n_features_in_ == 16)] * 3)
    X[1:, :8] += [[1e-4], [2e-4]]
    best = FinalStep(model)
    expected = best.estimator.sample_posterior(best.transform(X), 20, 0)
    save_model(model, tmp_path / "model", data, sigma=SIGMA, sigma_scale=(0.5, 2))
    restored = load_model(tmp_path / "model")
    last = FinalStep(restored.estimator)
    np.testing.assert_array_equal(restored.estimator.predict(X), model.predict(X))
    np.testing.assert_array_equal(
        last.estimator.sample_posterior(last.transform(X), 20, 0), expected
    )
    # The original still works: nothing was taken from it.
    np.testing.assert_array_equal(
        best.estimator.sample_posterior(best.transform(X), 20, 0), expected
    )
    own = best.estimator.posterior(best.transform(spectrum.to_row(sigma=X.shape[1] == 16)))[0]
    posterior = restored.posterior(spectrum)
    np.testing.assert_array_equal(posterior.samples, own.samples)
    np.testing.assert_array_equal(posterior.weights, own.weights)
    assert posterior.space == SPACE == restored.card.space
    assert restored.predict(spectrum).keys() == set(SPACE.names)
    if best.offers("interval"):
        expected = best.estimator.interval(best.transform(spectrum.to_row()))
        found = [[row["lower"], row["upper"]] for row in restored.predict(spectrum).values()]
        np.testing.assert_array_equal(np.transpose(found), expected[:, 0])


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_answers_as_before_to_the_last_bit(name, data, spectrum, tmp_path):
    model = fitted(DETECTORS[name], data, data.presence())
    save_model(model, tmp_path / "model", data, sigma=SIGMA)
    restored = load_model(tmp_path / "model")
    np.testing.assert_array_equal(
        restored.estimator.predict_proba(data.X), model.predict_proba(data.X)
    )
    expected = float(model.predict_proba(spectrum.to_row())[0, 0])
    assert restored.predict(spectrum) == restored.probabilities(spectrum) == {"H2O": expected}


@pytest.mark.parametrize("y", ["flat", "bare"])
def test_what_y_was_makes_no_difference(y, data, tmp_path):
    Y = np.asarray(data.Y)[:, 0] if y == "flat" else np.asarray(data.Y)
    models = [forest(), MLPRetriever(**NETWORK)]
    if y == "flat":  # it takes no table
        models.append(make_pipeline(SelectKBest(f_regression, k=6), forest()))
    for k, model in enumerate(models):
        model.fit(data.X, Y)
        save_model(model, tmp_path / str(k), data, sigma=SIGMA)
        restored = load_model(tmp_path / str(k)).estimator
        np.testing.assert_array_equal(restored.predict(data.X), model.predict(data.X))
        assert FinalStep(restored).estimator.space_ == FinalStep(model).estimator.space_


def test_a_saved_model_can_be_saved_again(saved, data, tmp_path):
    first = load_model(saved)
    save_model(first.estimator, tmp_path / "again", data, sigma=SIGMA)
    second = load_model(tmp_path / "again")
    np.testing.assert_array_equal(second.estimator.predict(data.X), first.estimator.predict(data.X))


def test_networks_compute_where_they_are_told(saved, data):
    network = load_model(saved, device="cpu").estimator.retriever_
    assert network.device == "cpu"
    assert load_model(saved).estimator.retriever_.device == "auto"
    with pytest.raises(RangeError, match="'cudo'"):
        load_model(saved, device="cudo")


def test_a_model_of_a_gpu_loads_without_one(data, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    model = MLPRetriever(**NETWORK).fit(data.X, data.Y)
    expected = model.predict(data.X)
    save_model(model.set_params(device="cuda:0"), tmp_path / "model", data, sigma=SIGMA)
    np.testing.assert_array_equal(
        load_model(tmp_path / "model").estimator.predict(data.X), expected
    )


def test_what_draws_progress_is_not_saved(data, tmp_path):
    told = []
    model = MLPRetriever(**NETWORK, progress=told.append).fit(data.X, data.Y)
    save_model(model, tmp_path / "model", data, sigma=SIGMA)
    assert told
    assert model.progress is not None
    assert load_model(tmp_path / "model").estimator.progress is None


def test_a_model_older_than_a_setting_has_its_default():
    model = make_pipeline(SpectrumScaler(), MLPRetriever(**NETWORK))
    del model[-1].checkpoint
    assert repr(restore(dump(model), "it")[-1]) == repr(MLPRetriever(**NETWORK))


def test_every_public_estimator_may_be_saved():
    public = [getattr(exosk, name) for name in exosk.__all__]
    estimators = [x for x in public if isinstance(x, type) and issubclass(x, BaseEstimator)]
    names = {f"{x.__module__}.{x.__qualname__}" for x in estimators}
    assert names <= set(TRUSTED), "list them in exosk.models.trusted"


def test_every_trusted_type_exists_and_is_plain():
    """A misspelt name would trust whatever turns up under it."""
    import importlib

    for dotted in TRUSTED:
        module, _, name = dotted.rpartition(".")
        found = getattr(importlib.import_module(module), name)
        assert f"{found.__module__}.{found.__qualname__}" == dotted


def test_a_large_forest_is_small_on_disk(data, tmp_path):
    """The shares of the leaves are not stored; they follow from two bytes a spectrum and tree."""
    model = ForestRetriever(20, random_state=0).fit(
        np.tile(data.X, (4, 1)), np.tile(data.Y, (4, 1))
    )
    with zipfile.ZipFile(io.BytesIO(dump(model))) as archive:
        sizes = [entry.file_size for entry in archive.infolist() if entry.filename != "schema.json"]
        held = [archive.read(e) for e in archive.infolist() if e.filename.endswith(".npz")]
    nodes = sum(tree.tree_.node_count for tree in model.forest_.estimators_)
    assert not held
    assert sum(sizes) < nodes * (64 + 8 * 3) + 2 * 600 * 20 + 8 * 600 * 3 + 20_000


# --- the card --------------------------------------------------------------------------------


def test_the_card_says_what_the_model_was_made_for(data, tmp_path):
    model = fitted(DETECTORS["pipeline"], data, data.presence(-6))
    rule = {"threshold": -6.0, "delta_chi2": None}
    save_model(
        model,
        tmp_path / "model",
        data,
        sigma=1e-4,
        sigma_scale=(1, 3),
        presence=rule,
        metrics={"auc": np.float64(0.9), "undefined": float("nan"), "curve": np.arange(2)},
        seed=7,
    )
    card = load_model(tmp_path / "model").card
    assert card.kind == "detector"
    assert card.grid == GRID
    assert card.space == SPACE
    assert card.molecules == ("H2O",)
    np.testing.assert_array_equal(card.sigma, np.full(8, 1e-4))
    assert card.sigma_scale == (1, 3)
    assert not card.has_sigma
    assert card.presence == rule
    np.testing.assert_array_equal(data.presence(**card.presence), data.presence(-6))
    assert card.metrics == {"auc": 0.9, "undefined": None, "curve": [0, 1]}
    assert card.provenance == data.provenance
    assert (card.n_training, card.seed) == (150, 7)
    assert card.estimator["class"] == "exosk.models.detector.MoleculeDetector"
    assert "SpectrumScaler" in card.estimator["text"]
    assert {"exosk", "numpy", "scikit-learn", "torch"} <= card.versions.keys()
    text = json.loads((tmp_path / "model" / "card.json").read_text())
    assert text["units"]["wavelength"] == "um"


def test_a_missing_bin_is_missing_on_the_card(data, tmp_path):
    sigma = SIGMA.copy()
    sigma[3] = np.nan
    save_model(fitted(forest(2), data, data.Y), tmp_path / "model", data, sigma=sigma)
    np.testing.assert_array_equal(load_model(tmp_path / "model").card.sigma, sigma)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, ["later exosk", "upgrade"]),
        ({"versions": {"exosk": "9.1.0"}}, ["exosk 9.1.0", "train the model anew"]),
        ({"versions": None}, ["exosk unknown"]),
        ({"format": "other"}, ["not the card of an exosk model"]),
        ({"version": "1"}, ["does not say which version"]),
        ({"kind": "oracle"}, ["'oracle'"]),
        ({"kind": "detector"}, ["another model"]),
        ({"has_sigma": True}, ["another model"]),
        ({"sigma": [1e-4]}, ["8 bins but 1"]),
        ({"sigma_scale": [2, 1]}, ["2 to 1"]),
        ({"grid": {"lower_um": [1, 2], "upper_um": [1.5, 1.8]}}, ["no width"]),
        ({"space": []}, ["at least one parameter"]),
        ({"files": {"../model.skops": "0"}}, ["names files"]),
        ({"files": {}}, ["names files"]),
    ],
)
def test_a_card_of_something_else_is_refused(forest_folder, tmp_path, change, words):
    folder = copy(forest_folder, tmp_path)
    reseal(folder, **change)
    with pytest.raises(FileFormatError) as raised:
        load_model(folder)
    assert str(folder) in str(raised.value)
    for word in words:
        assert word in str(raised.value)


def test_a_card_changed_by_hand_is_refused(forest_folder, tmp_path):
    folder = copy(forest_folder, tmp_path)
    text = (folder / "card.json").read_text()
    (folder / "card.json").write_text(text.replace('"n_training": 150', '"n_training": 950'))
    with pytest.raises(FileFormatError, match="changed after it was written"):
        load_model(folder)


# --- damage ----------------------------------------------------------------------------------


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "copy"))


def reseal(folder: Path, **changes: object) -> None:
    """Make the checksums right again, as someone would who changes a model on purpose."""
    path = folder / "card.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    for name in content["files"]:
        content["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    content |= changes
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    path.write_text(json.dumps(content | {"sha256": hashlib.sha256(canonical).hexdigest()}))


FILES = ("card.json", "model.skops", "weights.safetensors")


@settings(max_examples=120, deadline=None, derandomize=True)
@given(draw=st.data())
def test_one_wrong_byte_or_a_cut_is_an_error_and_never_another_answer(saved, data, draw):
    expected = load_model(saved).estimator.predict(data.X[:5])
    name = draw.draw(st.sampled_from(FILES))
    path = saved / name
    whole = path.read_bytes()
    place = draw.draw(st.integers(0, len(whole) - 1))
    flip = draw.draw(st.integers(0, 255))
    harmed = bytearray(whole)
    harmed[place] ^= flip
    try:
        path.write_bytes(bytes(harmed) if flip else whole[:place])
        found = unless_refused(load_model, saved)
        if found is not None:  # white space of the card, say
            np.testing.assert_array_equal(found.estimator.predict(data.X[:5]), expected)
    finally:
        path.write_bytes(whole)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(draw=st.data())
def test_with_the_checksums_made_right_damage_is_an_error_still(forest_folder, draw):
    """Whoever changes a file on purpose can compute a checksum too."""
    whole = (forest_folder / "model.skops").read_bytes()
    harmed = bytearray(whole)
    for _ in range(draw.draw(st.integers(1, 3))):
        harmed[draw.draw(st.integers(0, len(whole) - 1))] ^= draw.draw(st.integers(1, 255))
    model = unless_refused(restore, bytes(harmed), "it")
    assert model is None or isinstance(model, ForestRetriever)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(draw=st.data())
def test_so_it_is_with_a_schema_that_was_edited(forest_folder, draw):
    """The text that says which objects to make, a piece of it replaced by another."""
    with zipfile.ZipFile(forest_folder / "model.skops") as archive:
        entries = {e.filename: archive.read(e) for e in archive.infolist()}
    schema = json.loads(entries["schema.json"])
    places = [(node, key) for node in nodes(schema) for key in node]
    node, key = draw.draw(st.sampled_from(places))
    other, theirs = draw.draw(st.sampled_from(places))
    node[key] = draw.draw(st.sampled_from([None, [], {}, "os", "system", -1, other[theirs]]))
    try:
        text = json.dumps(schema)
    except (ValueError, RecursionError):  # it holds itself now
        return
    model = unless_refused(restore, zipped(entries | {"schema.json": text.encode()}), "it")
    assert model is None or isinstance(model, BaseEstimator)


def unless_refused(read: Callable[..., object], *arguments: object) -> object:
    """What is read; None if it is refused as it should be, in one line."""
    try:
        return read(*arguments)
    except FileFormatError as error:
        if "\n" in str(error):
            raise AssertionError("the error has several lines") from error
        return None


def nodes(value: object) -> list[dict]:
    if isinstance(value, dict):
        return [value, *(node for item in value.values() for node in nodes(item))]
    if isinstance(value, list):
        return [node for item in value for node in nodes(item)]
    return []


def zipped(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_is_named(saved, tmp_path, name):
    folder = copy(saved, tmp_path)
    (folder / name).unlink()
    with pytest.raises(FileFormatError, match=name.replace(".", r"\.")):
        load_model(folder)


def test_files_of_another_model_are_refused(saved, forest_folder, tmp_path):
    folder = copy(saved, tmp_path)
    shutil.copy(forest_folder / "model.skops", folder)
    with pytest.raises(FileFormatError, match="of another model"):
        load_model(folder)
    reseal(folder)
    with pytest.raises(FileFormatError, match="weights"):
        load_model(folder)


def test_weights_of_another_network_are_refused(saved, data, tmp_path):
    folder = copy(saved, tmp_path)
    other = ConformalRetriever(MLPRetriever(**NETWORK | {"hidden": (9,)}), random_state=0)
    save_model(fitted(other, data, data.Y), tmp_path / "other", data, sigma=SIGMA)
    shutil.copy(tmp_path / "other" / "weights.safetensors", folder)
    reseal(folder)
    with pytest.raises(FileFormatError, match="another network"):
        load_model(folder)
    (folder / "weights.safetensors").write_bytes(b"\x08" + bytes(7) + b"{}      ")
    reseal(folder)
    with pytest.raises(FileFormatError, match="weights"):
        load_model(folder)


@pytest.mark.parametrize("content", ["", "[1]", "{", "null", '"text"', "\x00", "[" * 100_000])
def test_what_is_no_card_is_refused(tmp_path, content):
    (tmp_path / "card.json").write_text(content)
    with pytest.raises(FileFormatError, match=r"card\.json"):
        load_model(tmp_path)


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "file").write_text("no model")
    for path in (tmp_path / "nowhere", tmp_path / "file", tmp_path):
        with pytest.raises(FileFormatError, match="is not a model"):
            load_model(path)


# --- malice ----------------------------------------------------------------------------------


def test_a_pickle_in_the_place_of_a_model_is_not_run(forest_folder, tmp_path):
    folder, trace = copy(forest_folder, tmp_path), tmp_path / "trace"
    payload = f"cposix\nsystem\n(S'touch {trace}'\ntR.".encode()
    (folder / "model.skops").write_bytes(payload)
    reseal(folder)
    with pytest.raises(FileFormatError, match="not a readable model"):
        load_model(folder)
    assert not trace.exists()
    pickle.loads(payload)
    assert trace.exists(), "the payload would have worked"


def call(module: str, name: str, *arguments: str) -> dict:
    """What a skops file says to have something called."""
    content = [
        {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": text}
        for text in map(json.dumps, arguments)
    ]
    row = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode"}
    return {
        "__class__": name,
        "__module__": module,
        "__loader__": "ConstructorFromReduceNode",
        "content": row | {"content": content},
    }


def partial_call(module: str, name: str, *arguments: str) -> dict:
    function = {"__class__": name, "__module__": module, "__loader__": "FunctionNode"}
    empty = {
        "__class__": "dict",
        "__module__": "builtins",
        "__loader__": "DictNode",
        "content": {},
        "key_types": {
            "__class__": "list",
            "__module__": "builtins",
            "__loader__": "ListNode",
            "content": [],
        },
    }
    return {
        "__class__": "partial",
        "__module__": "functools",
        "__loader__": "PartialNode",
        "content": {
            "func": function,
            "args": call(module, name, *arguments)["content"],
            "kwds": empty,
            "namespace": empty,
        },
    }


@pytest.mark.parametrize("protocol", [0, 1, 2])
@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("root", call("os", "system", "touch trace")),
        ("attribute", call("os", "system", "touch trace")),
        ("attribute", call("pathlib", "Path", "trace")),
        ("attribute", call("subprocess", "Popen", "touch trace")),
        ("attribute", call("builtins", "exec", "open('trace', 'w')")),
        ("attribute", partial_call("os", "system", "touch trace")),
        ("attribute", {**call("x", "y"), "__loader__": "TypeNode", "__module__": "antigravity"}),
        ("attribute", {**call("x", "y"), "__loader__": "NoSuchNode"}),
        ("attribute", call("scipy.stats._continuous_distns", "uniform_gen")),
    ],
)
def test_nothing_but_known_types_is_made(
    forest_folder, tmp_path, monkeypatch, where, what, protocol
):
    monkeypatch.chdir(tmp_path)
    folder = copy(forest_folder, tmp_path)
    with zipfile.ZipFile(folder / "model.skops") as archive:
        entries = {e.filename: archive.read(e) for e in archive.infolist()}
    schema = json.loads(entries["schema.json"])
    if where == "root":
        schema = {**what, "_skops_version": schema["_skops_version"]}
    else:
        schema["content"]["content"]["min_samples_leaf"] = what
    schema["protocol"] = protocol
    (folder / "model.skops").write_bytes(
        zipped(entries | {"schema.json": json.dumps(schema).encode()})
    )
    reseal(folder)
    with pytest.raises(FileFormatError, match=r"no model of exosk does|not a readable model"):
        load_model(folder)
    assert not (tmp_path / "trace").exists()


def test_an_estimator_of_someone_else_is_refused(forest_folder, tmp_path):
    folder = copy(forest_folder, tmp_path)
    (folder / "model.skops").write_bytes(skops_io.dumps(SimpleNamespace(a=1)))
    reseal(folder)
    with pytest.raises(FileFormatError, match=r"types\.SimpleNamespace"):
        load_model(folder)
    (folder / "model.skops").write_bytes(skops_io.dumps([1, 2]))
    reseal(folder)
    with pytest.raises(FileFormatError, match="a list, not an estimator"):
        load_model(folder)
    (folder / "model.skops").write_bytes(skops_io.dumps(LinearRegression().fit([[1]], [1])))
    reseal(folder)
    with pytest.raises(FileFormatError, match="another model"):
        load_model(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [("left_child", 10**6), ("left_child", 0), ("right_child", -7), ("feature", 4711)],
)
def test_a_tree_that_leads_out_of_itself_is_refused(data, field, value):
    """scikit-learn follows the numbers without looking: a wrong one reads foreign memory."""
    model = RandomForestClassifier(2, random_state=0).fit(data.X, data.presence()[:, 0])
    state = model.estimators_[1].tree_.__getstate__()
    state["nodes"][field][0] = value
    model.estimators_[1].tree_.__setstate__(state)
    with pytest.raises(FileFormatError, match="decision tree"):
        restore(dump(model), "it")


def test_a_tree_of_more_columns_than_the_forest_is_refused(data):
    model = RandomForestClassifier(2, random_state=0).fit(data.X, data.presence()[:, 0])
    other = RandomForestClassifier(2, random_state=0)
    other.fit(np.hstack([data.X, data.X]), data.presence()[:, 0])
    model.estimators_[1].tree_ = other.estimators_[1].tree_
    with pytest.raises(FileFormatError, match="decision tree"):
        restore(dump(model), "it")
    model.estimators_ = other.estimators_
    with pytest.raises(FileFormatError, match="decision tree"):
        restore(dump(model), "it")


def test_a_sparse_matrix_with_places_outside_is_refused(data):
    model = make_pipeline(Rebinner(COARSE, grid=GRID), forest(2)).fit(data.X, data.Y)
    restore(dump(model), "it")
    model[0].matrix_.indices[0] = 10**6
    with pytest.raises(FileFormatError, match="not a readable model"):
        restore(dump(model), "it")


def test_leaves_that_the_forest_does_not_have_are_refused(data):
    model = forest(2).fit(data.X, data.Y)
    state = model.__getstate__()
    for shift in (1000, -1000):
        moved = state | {"_leaves": state["_leaves"].astype(int) + shift}
        with pytest.raises(ValueError, match="leaves"):
            forest(2).__setstate__(moved)


# --- what cannot be saved --------------------------------------------------------------------


def test_what_could_not_be_read_again_is_not_written(data, tmp_path):
    class Mine(ForestRetriever):
        pass

    for model in (Mine(2), make_pipeline(StandardScaler(), Mine(2))):
        with pytest.raises(FileFormatError, match=r"cannot be saved.*Mine"):
            save_model(model.fit(data.X, data.Y), tmp_path / "model", data, sigma=SIGMA)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_answers_nothing_is_not_written(data, tmp_path):
    with pytest.raises(RangeError, match="neither a retriever"):
        save_model(LinearRegression().fit(data.X, data.Y), tmp_path / "m", data, sigma=SIGMA)
    with pytest.raises(NotFittedError):
        save_model(forest(), tmp_path / "m", data, sigma=SIGMA)
    model = forest(2).fit(data.X, data.Y)
    with pytest.raises(RangeError, match="noise range"):
        save_model(model, tmp_path / "m", data, sigma=SIGMA, sigma_scale=(2, 1))
    with pytest.raises(GridError):
        save_model(model, tmp_path / "m", data, sigma=SIGMA[:5])
    with pytest.raises(GridError, match="7 columns"):
        save_model(forest(2).fit(data.X[:, 1:], data.Y), tmp_path / "m", data, sigma=SIGMA)
    assert list(tmp_path.iterdir()) == []


# --- the folder ------------------------------------------------------------------------------


def test_an_older_model_is_replaced_when_the_new_one_is_complete(
    saved, data, tmp_path, monkeypatch
):
    folder = copy(saved, tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = forest(2).fit(data.X, data.Y)
    with monkeypatch.context() as patch:
        patch.setattr("exosk.models.card.ModelCard.write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            save_model(model, folder, data, sigma=SIGMA)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    save_model(model, folder, data, sigma=SIGMA)
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.skops"]
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert isinstance(load_model(folder).estimator, ForestRetriever)


def interrupt(*unused: object) -> None:
    raise KeyboardInterrupt


def test_the_old_model_comes_back_when_its_place_cannot_be_taken(
    saved, data, tmp_path, monkeypatch
):
    folder = copy(saved, tmp_path)
    rename = Path.rename

    def fail_for_new(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("no room")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail_for_new)
        with pytest.raises(OSError, match="no room"):
            save_model(forest(2).fit(data.X, data.Y), folder, data, sigma=SIGMA)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert isinstance(load_model(folder).estimator, ConformalRetriever)


def test_what_is_no_model_is_never_replaced(saved, data, tmp_path):
    model = forest(2).fit(data.X, data.Y)
    work = tmp_path / "work"
    work.mkdir()
    (work / "thesis.tex").write_text("years of work")
    with_notes = copy(saved, tmp_path)
    (with_notes / "notes.txt").write_text("what I found")
    file = tmp_path / "file"
    file.write_text("some file")
    for path, word in ((work, "thesis.tex"), (with_notes, "notes.txt"), (file, "a file")):
        with pytest.raises(FileFormatError, match=word):
            save_model(model, path, data, sigma=SIGMA)
    assert (work / "thesis.tex").read_text() == "years of work"
    assert (with_notes / "notes.txt").read_text() == "what I found"
    assert file.read_text() == "some file"
    assert len(list(tmp_path.iterdir())) == 3


def test_an_empty_folder_and_a_link_are_places_for_a_model(data, tmp_path):
    model = forest(2).fit(data.X, data.Y)
    (tmp_path / "empty").mkdir()
    save_model(model, tmp_path / "empty", data, sigma=SIGMA)
    (tmp_path / "link").symlink_to("empty")
    save_model(model, tmp_path / "link", data, sigma=SIGMA)
    save_model(model, tmp_path / "new" / "deep", data, sigma=SIGMA)
    for name in ("empty", "link", "new/deep"):
        load_model(tmp_path / name)
    assert (tmp_path / "link").is_symlink()


# --- what a model refuses --------------------------------------------------------------------


def test_other_bins_are_refused_with_the_remedy_and_can_be_rebinned(forest_folder, spectrum):
    model = load_model(forest_folder)
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 17))
    fine = Spectrum(grid, np.repeat(spectrum.depth, 2), np.repeat(spectrum.sigma * 2**0.5, 2))
    with pytest.raises(GridError, match=r"16 bins.*takes 8 bins.*rebin"):
        model.predict(fine)
    rebinned = model.rebin(fine)
    np.testing.assert_allclose(rebinned.depth, spectrum.depth, rtol=1e-12)
    np.testing.assert_allclose(rebinned.sigma, spectrum.sigma, rtol=1e-12)
    assert model.predict(rebinned).keys() == model.predict(spectrum).keys()
    assert model.rebin(spectrum) is spectrum
    with pytest.raises(GridError, match="cover"):
        model.rebin(fine.between(1.2, 1.6))


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.5, 4.0)])
def test_errors_outside_the_noise_range_are_refused(data, spectrum, tmp_path, scale):
    save_model(
        forest(2).fit(data.X, data.Y), tmp_path / "model", data, sigma=SIGMA, sigma_scale=scale
    )
    model = load_model(tmp_path / "model")
    low, high = scale
    for factor in (low / 1.2, low, high, high * 1.2):
        noisy = spectrum.replace(sigma=SIGMA * factor)
        assert model.noise_factor(noisy) == pytest.approx(factor)
        np.testing.assert_array_equal(model.rows(noisy), noisy.to_row())
    for factor in (low / 1.3, high * 1.3):
        noisy = spectrum.replace(sigma=SIGMA * factor)
        with pytest.raises(RangeError, match=r"trained for .* times.*allow_noise"):
            model.rows(noisy)
        model.rows(noisy, allow_noise=True)
        assert model.predict(noisy, allow_noise=True) == model.predict(spectrum)


def test_a_model_that_is_told_the_errors_gets_them(data, spectrum, tmp_path):
    model = fitted(RETRIEVERS["errors in X"], data, data.Y)
    save_model(model, tmp_path / "model", data, sigma=SIGMA, sigma_scale=(0.5, 2))
    restored = load_model(tmp_path / "model")
    assert restored.card.has_sigma
    np.testing.assert_array_equal(restored.rows(spectrum), spectrum.to_row(sigma=True))


def test_missing_bins_are_refused_by_a_model_that_needs_them(spectrum, data, tmp_path):
    gappy = spectrum.replace(depth=np.where(np.arange(8) == 2, np.nan, spectrum.depth))
    for name, steps in (("strict", [PCA(3)]), ("lenient", [SpectrumImputer(), PCA(3)])):
        model = make_pipeline(*steps, forest(2)).fit(data.X, data.Y)
        save_model(model, tmp_path / name, data, sigma=SIGMA)
    with pytest.raises(GridError, match="1 of the 8 bins are missing"):
        load_model(tmp_path / "strict").predict(gappy)
    assert load_model(tmp_path / "lenient").predict(gappy)


def test_a_spectrum_of_other_bins_than_the_reference_had_has_no_noise_factor(
    data, spectrum, tmp_path
):
    sigma = np.where(np.arange(8) < 4, SIGMA, np.nan)
    save_model(forest(2).fit(data.X, data.Y), tmp_path / "model", data, sigma=sigma)
    other = spectrum.replace(depth=np.where(np.arange(8) < 4, np.nan, spectrum.depth))
    with pytest.raises(RangeError, match="no bin"):
        load_model(tmp_path / "model").predict(other)


def test_a_retriever_detects_nothing_and_a_detector_has_no_posterior(
    forest_folder, data, spectrum, tmp_path
):
    with pytest.raises(RangeError, match="detects no molecules"):
        load_model(forest_folder).probabilities(spectrum)
    save_model(
        fitted(MoleculeDetector(2), data, data.presence()), tmp_path / "model", data, sigma=SIGMA
    )
    with pytest.raises(RangeError, match="no posterior"):
        load_model(tmp_path / "model").posterior(spectrum)


def test_samples_are_drawn_by_seed(forest_folder, spectrum):
    model = load_model(forest_folder)
    one, same, other = (
        model.posterior(spectrum, 50, random_state=seed).samples for seed in (0, 0, 1)
    )
    assert one.shape == (50, 3)
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
