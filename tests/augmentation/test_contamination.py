"""Uneven stars, as the simulator has them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody

from exosk.augmentation import ContaminationInjector
from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.rows import join_rows

GRID = SpectralGrid.from_resolution(0.4, 5.0, 10)
X = np.random.default_rng(0).uniform(0.01, 0.03, (2000, GRID.n_bins))


def planck(temperature):
    return BlackBody(temperature * u.K)(GRID.wavelength * u.um).value


def test_the_factor_is_that_of_the_paper():
    """Rackham et al. 2018, eq. 3, with astropy's black bodies."""
    star, spot, faculae = (planck(t) for t in (5000, 3800, 5300))
    expected = 1 / (1 - 0.15 * (1 - spot / star) - 0.3 * (1 - faculae / star))
    injector = ContaminationInjector(5000, 0.15, 3800, 0.3, 5300, grid=GRID)
    np.testing.assert_allclose(injector.fit_transform(X) / X, expected[None] * np.ones(X.shape))


def test_every_spectrum_gets_a_star_of_its_own_within_the_ranges():
    injector = ContaminationInjector(
        (4800, 5200), (0.0, 0.2), (3500, 4500), random_state=0, grid=GRID
    )
    factor = injector.fit_transform(X) / X
    # Two wavelengths give the covering fraction, given that the star is even without spots.
    assert factor.min() >= 1
    darkest = 1 / (1 - 0.2 * (1 - planck(3500) / planck(5200)))
    assert (factor <= darkest * (1 + 1e-9)).all()
    assert factor[:, 0].std() > 0.01
    assert (factor[:, 0] >= factor[:, -1]).all(), "spots are darkest in the blue"


def test_faculae_make_transits_shallower():
    injector = ContaminationInjector(
        5000, faculae_fraction=0.1, faculae_temperature=5300, grid=GRID
    )
    assert (injector.fit_transform(X) < X).all()


def test_an_even_star_changes_nothing():
    np.testing.assert_array_equal(ContaminationInjector().fit_transform(X), X)
    none = ContaminationInjector(5000, 0, 4000, grid=GRID)
    np.testing.assert_array_equal(none.fit_transform(X), X)


def test_errors_and_missing_bins_stay_and_so_do_observations():
    rows = join_rows(X, np.full(GRID.n_bins, 1e-4))
    rows[::3, 1] = np.nan
    injector = ContaminationInjector(5000, 0.1, 4000, grid=GRID)
    spotted = injector.fit_transform(rows)
    np.testing.assert_array_equal(spotted[:, GRID.n_bins :], rows[:, GRID.n_bins :])
    np.testing.assert_array_equal(np.isnan(spotted), np.isnan(rows))
    np.testing.assert_array_equal(injector.transform(rows), rows)


def test_single_precision_is_enough():
    injector = ContaminationInjector(
        (4800, 5200), (0.0, 0.2), (3500, 4500), random_state=0, grid=GRID
    )
    single = injector.fit_transform(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, injector.fit_transform(X), rtol=2e-6)


def test_seeds():
    first, again, other = (
        ContaminationInjector(5000, (0, 0.2), 4000, random_state=s, grid=GRID).fit_transform(X)
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"spot_fraction": 0.1}, RangeError, "spot_fraction means nothing without spot_temp"),
        (
            {"spot_fraction": 0.1, "spot_temperature": 4000},
            RangeError,
            "spot_fraction means nothing without star_temperature",
        ),
        (
            {"star_temperature": 5000, "spot_fraction": 1.1, "spot_temperature": 4000},
            RangeError,
            "spot_fraction must be .* between 0 and 1; got 1.1",
        ),
        (
            {"star_temperature": 5000, "spot_fraction": 0.1, "spot_temperature": -3},
            RangeError,
            "spot_temperature must be",
        ),
        (
            {
                "star_temperature": 5000,
                "spot_fraction": (0, 0.7),
                "spot_temperature": 4000,
                "faculae_fraction": (0, 0.7),
                "faculae_temperature": 5500,
            },
            RangeError,
            r"spot and faculae may cover 1\.4 of the star",
        ),
    ],
)
def test_nonsense_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        ContaminationInjector(**settings, grid=GRID).fit(X)


def test_wavelengths_are_needed():
    with pytest.raises(GridError, match="contamination needs the wavelengths of the bins"):
        ContaminationInjector(5000, 0.1, 4000).fit(X)
