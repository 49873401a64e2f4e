"""The models that come with the package: whole, small enough, and the right one is taken."""

import shutil

import numpy as np
import pytest

import exosk
from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.pretrained import RECIPES, choose_pretrained, load_pretrained
from exosk.pretrained.store import FOLDER, save_guard
from exosk.pretrained.systems import COLUMNS

each_model = pytest.mark.parametrize("name", RECIPES)


def flat(low, high, width):
    """A spectrum of equal bins between two wavelengths, in um."""
    grid = exosk.SpectralGrid.from_edges(np.arange(low, high, width))
    return exosk.Spectrum(grid, np.full(grid.n_bins, 0.01), np.full(grid.n_bins, 1e-4))


@each_model
def test_a_model_is_what_its_recipe_says(name):
    model, recipe = load_pretrained(name), RECIPES[name]
    card = model.fitted.card
    assert card.grid == recipe.grid
    assert card.molecules == recipe.molecules
    assert card.columns == COLUMNS
    assert card.sigma_scale == recipe.scale
    assert card.metrics["n"] > 900
    assert card.n_training > 0.8 * recipe.n_spectra
    assert model.guard.grid == recipe.grid


@each_model
def test_it_takes_ten_megabytes_at_most(name):
    files = [*(FOLDER / name).iterdir(), FOLDER / f"{name}-guard.npz"]
    assert sum(path.stat().st_size for path in files) < 10e6


@each_model
def test_it_was_calibrated_when_it_was_made(name):
    """A binomial scatter of 1.6 points, and the finite training."""
    for scores in load_pretrained(name).fitted.card.metrics["parameters"].values():
        assert scores["coverage_68%"] == pytest.approx(0.68, abs=0.06)
        assert scores["coverage_95%"] == pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize(
    ("spectrum", "expected"),
    [
        (flat(1.12, 1.65, 0.025), "wfc3"),
        (flat(0.6, 5.3, 0.02), "prism"),
        (flat(2.8, 5.2, 0.005), "prism"),
        (flat(5.0, 11.9, 0.5), "wide"),
        (flat(0.85, 1.6, 0.1), "wide"),
    ],
)
def test_the_most_special_one_that_sees_the_spectrum_is_taken(spectrum, expected):
    assert choose_pretrained(spectrum) == expected


def test_embedded_observations_have_theirs():
    assert choose_pretrained(exosk.load_spectrum("wasp-39b")) == "prism"
    assert choose_pretrained(exosk.load_spectrum("wasp-12b")) == "wide"


@pytest.mark.parametrize("spectrum", [flat(14.0, 28.0, 0.2), flat(0.5, 12.0, 2.0)])
def test_what_none_sees_is_refused(spectrum):
    with pytest.raises(RangeError, match="no pretrained model sees"):
        choose_pretrained(spectrum)


def test_a_name_that_is_none():
    with pytest.raises(UnknownNameError, match="prism"):
        load_pretrained("prisma")


def test_damage_is_noticed(tmp_path):
    shutil.copytree(FOLDER / "wfc3", tmp_path / "wfc3")
    with pytest.raises(FileFormatError, match="guard"):
        load_pretrained("wfc3", tmp_path)
    path = tmp_path / "wfc3-guard.npz"
    path.write_bytes((FOLDER / "wfc3-guard.npz").read_bytes()[:5000])
    with pytest.raises(FileFormatError, match="guard"):
        load_pretrained("wfc3", tmp_path)
    (tmp_path / "wfc3" / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="damaged"):
        load_pretrained("wfc3", tmp_path)


def test_a_guard_comes_back_as_it_was(tmp_path, wfc3):
    save_guard(wfc3.guard, "wfc3", tmp_path)
    shutil.copytree(FOLDER / "wfc3", tmp_path / "wfc3")
    again = load_pretrained("wfc3", tmp_path).guard
    rows = np.tile(np.r_[np.ones(wfc3.grid.n_bins), np.full(wfc3.grid.n_bins, 0.005)], (2, 1))
    rows[1, 10] = 1.2
    np.testing.assert_array_equal(again.p_value(rows), wfc3.guard.p_value(rows))
