"""scikit-learn's own dimension reduction, after the transformers of spectra."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, KernelPCA
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.feature_selection import SelectFromModel, SelectKBest, r_regression
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exosk.preprocessing import Masker, Rebinner, SpectrumImputer, SpectrumScaler
from exosk.spectra import SpectralGrid

FINE = SpectralGrid.from_resolution(0.8, 5, 60)
GRID = SpectralGrid.from_resolution(0.8, 5, 20)
RNG = np.random.default_rng(0)
# Level, and two absorption bands: three numbers make a spectrum.
LEVEL, WATER, CARBON = RNG.uniform(0.01, 0.03, 300), *RNG.uniform(0, 1e-3, (2, 300))
BANDS = [np.exp(-(((FINE.wavelength - at) / 0.2) ** 2)) for at in (1.4, 4.3)]
DEPTH = LEVEL[:, None] + np.column_stack([WATER, CARBON]) @ BANDS
DEPTH += 1e-6 * RNG.standard_normal(DEPTH.shape)


def steps():
    return Rebinner(GRID, grid=FINE), SpectrumScaler("level", GRID)


@pytest.mark.parametrize(
    "reduction",
    [PCA(6), KernelPCA(6, kernel="rbf", gamma=1e-3), SelectKBest(r_regression, k=6)],
    ids=lambda reduction: type(reduction).__name__,
)
def test_tables_all_the_way(reduction):
    model = make_pipeline(*steps(), StandardScaler(), reduction, Ridge(alpha=1e-6))
    model.set_output(transform="pandas").fit(DEPTH[:200], WATER[:200])
    frame = model[:-1].transform(DEPTH[200:])
    assert frame.shape == (100, 6)
    assert list(frame.columns) == list(model[:-1].get_feature_names_out())
    assert model.score(DEPTH[200:], WATER[200:]) > 0.9


def test_as_many_components_as_there_are_numbers():
    model = make_pipeline(*steps(), PCA(5)).fit(DEPTH)
    ratio = model[-1].explained_variance_ratio_
    assert ratio[:3].sum() > 0.9999


def test_the_best_bins_are_those_of_the_band():
    model = make_pipeline(*steps(), SelectKBest(r_regression, k=4)).fit(DEPTH, WATER)
    chosen = model.get_feature_names_out()
    assert all(1.2 < float(name[6:-2]) < 1.6 for name in chosen)


def test_selection_by_a_forest():
    forest = ExtraTreesRegressor(20, max_features=0.3, random_state=0)
    model = make_pipeline(*steps(), SelectFromModel(forest, max_features=5, threshold=-np.inf))
    model.set_output(transform="pandas")
    assert model.fit_transform(DEPTH, CARBON).shape == (300, 5)


def test_components_of_the_depths_with_the_level_beside_them():
    """By column, so that a level of a hundredth is no competitor of features of a thousandth."""
    depths = ColumnTransformer(
        [("shape", PCA(2), slice(0, GRID.n_bins))],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    model = make_pipeline(*steps(), depths).set_output(transform="pandas")
    assert list(model.fit_transform(DEPTH)) == ["pca0", "pca1", "level"]


def test_missing_bins_are_filled_before():
    masked = Masker(FINE, hide=[(2.3, 2.6)]).fit_transform(DEPTH)
    masked[::2, 5] = np.nan
    model = make_pipeline(
        Rebinner(GRID, grid=FINE),
        SpectrumScaler("level", GRID),
        SpectrumImputer("mean", GRID, n_extra=1),
        PCA(3),
        Ridge(alpha=1e-9),
    )
    model.fit(masked[:200], WATER[:200])
    assert model.score(masked[200:], WATER[200:]) > 0.9
