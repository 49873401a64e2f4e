"""The real services still answer as the others of these tests have them answer."""

from __future__ import annotations

import numpy as np
import pytest
from exosk_mast import (
    ExoMastSource,
    broadband_spectrum,
    fetch_light_curves,
    fetch_products,
    list_products,
    quick_look_spectrum,
    read_light_curves,
    read_time_series,
    search_observations,
)

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def live_services(monkeypatch):
    for name in ("EXOSK_MAST_URL", "EXOSK_EXOMAST_URL", "EXOSK_MAST_RESOLVER_URL"):
        monkeypatch.delenv(name)


def test_the_early_release_programme_is_found(cache, orbit):
    observations = search_observations("WASP-39 b", 1366, instrument="NIRSPEC")
    assert set(observations["proposal_id"]) == {"1366"}
    products = list_products(observations)
    assert all(name.endswith("x1dints.fits") for name in products["productFilename"])
    (entry,) = fetch_products(products[np.argmin(products["size"])], cache)
    series = read_time_series(entry.path)
    assert series[0].time_system == "BJD_TDB"
    assert 2459700 < series[0].time[0] < 2459900
    assert np.isfinite(series[0].flux).mean() > 0.5


def test_a_whole_observation_has_the_depth(cache, orbit):
    """The PRISM transit of July 2022, 1.5 GB or so at most."""
    observations = search_observations("WASP-39 b", 1366, instrument="NIRSPEC", calib_level=3)
    prism = observations[["PRISM" in str(filters) for filters in observations["filters"]]]
    products = list_products(prism)
    (entry,) = fetch_products(products[:1], cache)
    spectrum = quick_look_spectrum(read_time_series(entry.path)[0], orbit, n_channels=5)
    assert 0.018 < np.nanmedian(spectrum.depth) < 0.025


def test_tess_has_the_planet(cache, orbit):
    entries = fetch_light_curves("WASP-39 b", limit=1, cache=cache)
    spectrum = broadband_spectrum(read_light_curves(e.path for e in entries), orbit)
    assert spectrum.depth[0] == pytest.approx(0.021, abs=0.003)


def test_hst_is_searched():
    observations = search_observations("WASP-39 b", mission="HST", instrument="WFC3")
    assert len(observations) > 0


def test_exo_mast_has_spectra_parameters_and_orbits(cache):
    source = ExoMastSource(cache=cache)
    assert source.names()
    spectrum = source.load(source.names()[0])
    assert 0.001 < np.nanmedian(spectrum.depth) < 0.05
    system = source.system("WASP-39 b")
    assert system["star_radius"] == pytest.approx(0.92, abs=0.06)
    assert source.orbit("WASP-39 b").period == pytest.approx(4.0553, abs=0.001)
