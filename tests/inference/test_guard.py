"""The guard knows what it was trained on, at the rate that it states, and tells the rest."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import exosk
from exosk.datasets import simulate_dataset
from exosk.exceptions import FileFormatError, GridError, RangeError
from exosk.inference.guard import SpectrumGuard
from exosk.inference.guard_scores import PARTS, KnownSpectra, ObservedBins, pool_p_values
from exosk.models.trusted import dump, restore
from exosk.parameters import ParameterSpace
from exosk.simulators.binned import simulate_in_bins
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_resolution(1.0, 5.0, 25)
WAVELENGTH = GRID.wavelength
N_BINS = GRID.n_bins
SIGMA = 5e-5


def band(center, width):
    return np.exp(-0.5 * ((WAVELENGTH - center) / width) ** 2)


def spectra(n, seed):
    """A level, and two bands that saturate, seen through a grey cloud: curved as real ones are."""
    random = np.random.default_rng(seed)
    level = random.uniform(0.008, 0.02, (n, 1))
    size = random.uniform(2e-4, 1e-3, (n, 1))
    amounts = random.uniform(-3, 3, (2, n, 1))
    opacity = np.exp(amounts[0]) * band(2.0, 0.3) + np.exp(amounts[1]) * band(3.5, 0.5)
    return level + size * np.log(opacity + np.exp(random.uniform(-4, 0, (n, 1))))


def observed(depth, factor, seed, told=None):
    """Rows with errors of `factor` times SIGMA, and stated errors of `told` times that."""
    sigma = np.broadcast_to(SIGMA * np.asarray(factor, dtype=float), depth.shape)
    noisy = depth + sigma * np.random.default_rng(seed).standard_normal(depth.shape)
    return np.hstack([noisy, sigma if told is None else np.broadcast_to(told * SIGMA, depth.shape)])


def fitted(n=2400, seed=0, **settings):
    depth = spectra(n, seed)
    factor = np.exp(np.random.default_rng(seed).uniform(np.log(0.4), np.log(4), (n, 1)))
    X = np.hstack([depth, np.broadcast_to(SIGMA * factor, depth.shape)])
    settings = {"n_reference": 600, "n_gaussians": 20, "random_state": 0} | settings
    return SpectrumGuard(GRID, **settings).fit(X)


@pytest.fixture(scope="module")
def guard():
    return fitted()


def alarm_error(n):
    """Binomial, of the spectra in question and of the reference."""
    return np.sqrt(0.05 * 0.95 * (1 / n + 1 / 600))


GAPS = {
    "whole": np.zeros(N_BINS, dtype=bool),
    "gap": (WAVELENGTH > 2.2) & (WAVELENGTH < 3.1),
    "half": WAVELENGTH > 2.5,
    "comb": np.arange(N_BINS) % 3 == 0,
}


@pytest.mark.parametrize("factor", [0.4, 1.0, 4.0])
@pytest.mark.parametrize("missing", GAPS.values(), ids=GAPS)
def test_the_false_alarm_rate_is_as_stated_at_any_noise_and_with_any_gaps(guard, factor, missing):
    X = observed(spectra(800, 1), factor, 2)
    X[:, np.tile(missing, 2)] = np.nan
    p = guard.p_value(X)
    assert abs((p <= 0.05).mean() - 0.05) < 3.5 * alarm_error(800)
    assert stats.ks_2samp(p, np.arange(1, 602) / 601).pvalue > 1e-3
    np.testing.assert_array_equal(guard.predict(X), np.where(p <= 0.05, -1, 1))


def test_the_rate_holds_where_every_spectrum_has_noise_and_gaps_of_its_own(guard):
    random = np.random.default_rng(3)
    X = observed(spectra(120, 4), np.exp(random.uniform(np.log(0.4), np.log(4), (120, N_BINS))), 5)
    X[np.tile(random.random((120, N_BINS)) < 0.2, 2)] = np.nan
    assert abs((guard.predict(X) < 0).mean() - 0.05) < 3.5 * alarm_error(120)


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_another_rate_is_kept_too(guard, rate):
    found = clone(guard).set_params(false_alarm_rate=rate, n_gaussians=1)
    found.fit(np.hstack([spectra(2400, 0), np.full((2400, N_BINS), SIGMA)]))
    alarms = (found.predict(observed(spectra(800, 6), 1, 7)) < 0).mean()
    assert abs(alarms - rate) < 3.5 * np.sqrt(rate * (1 - rate) * (1 / 600 + 1 / 800))


def unknown_band(depth):
    return depth + 10 * SIGMA * band(2.7, 0.1)


def step(depth):
    return depth + 12 * SIGMA * (WAVELENGTH > 2.7)


def bad_bin(depth):
    return depth + 9 * SIGMA * (np.arange(N_BINS) == 20)


def slope(depth):
    return depth + 30 * SIGMA * (WAVELENGTH - 3)


def features_too_large(depth):
    return depth + 8 * (depth - depth.mean(axis=1, keepdims=True))


@pytest.mark.parametrize(
    "change", [unknown_band, step, bad_bin, slope, features_too_large], ids=lambda f: f.__name__
)
def test_what_no_training_spectrum_has_is_found(guard, change):
    X = observed(change(spectra(200, 8)), 1, 9)
    assert (guard.predict(X) < 0).mean() >= 0.95


@pytest.mark.parametrize(("factor", "part"), [(5, "excess"), (0.2, "deficit")])
@pytest.mark.parametrize("level", [0.5, 1.0, 3.0])
def test_wrong_errors_are_found_either_way(guard, factor, part, level):
    X = observed(spectra(100, 10), factor * level, 11, told=level)
    found = guard.explain(X)
    assert (guard.predict(X) < 0).all()
    assert np.mean([one["most_telling"] == part for one in found]) > 0.9
    ratio = np.median([one["error_ratio"] for one in found])
    assert ratio == pytest.approx(factor, rel=0.25)


def test_more_of_a_stranger_is_no_less_strange(guard):
    depth, noise = spectra(1, 12), observed(spectra(1, 12), 1, 13)[:, :N_BINS] - spectra(1, 12)
    X = [depth + noise + k * SIGMA * band(2.7, 0.1) for k in (0, 4, 8, 16, 32)]
    p = guard.p_value(np.hstack([np.vstack(X), np.full((5, N_BINS), SIGMA)]))
    assert p[0] > 0.05
    assert (np.diff(p) <= 0).all()
    assert p[-1] == p.min() <= 3 / 601


def test_it_says_where(guard):
    row = observed(unknown_band(spectra(1, 14)), 0.5, 15)
    found = guard.explain(row)[0]
    low, high = found["band_um"]
    assert low < 2.8
    assert high > 2.6
    assert found["band_um"] == [GRID.lower[found["band"][0]], GRID.upper[found["band"][1]]]
    found = guard.explain(observed(bad_bin(spectra(1, 14)), 0.5, 15))[0]
    assert found["bin"] == [20, 20]
    assert json.loads(json.dumps(found)) == found


def test_the_verdict_is_a_sentence(guard):
    known = guard.verdict(observed(spectra(1, 16), 1, 17))[0]
    assert known.startswith("like the spectra that this model was trained on (p = 0.")
    scatter = guard.verdict(observed(spectra(1, 16), 5, 17, told=1))[0]
    assert scatter.startswith("outside what this model knows: it scatters ")
    assert " um (p = 0.00" in scatter
    calm = guard.verdict(observed(spectra(1, 16), 0.2, 17, told=1))[0]
    assert "it scatters only 0.2" in calm


def test_errors_far_from_those_of_the_training_are_outside(guard):
    for factor, words in ((40, "10 times as large as any"), (0.004, "e+02 times smaller than any")):
        row = observed(spectra(1, 18), factor, 19)
        assert guard.predict(row)[0] == -1
        assert guard.explain(row)[0]["most_telling"] == "errors"
        assert words in guard.verdict(row)[0]


def test_the_unit_of_depths_is_no_matter_and_neither_is_company(guard):
    """What counts is depth over error; and each spectrum is judged by itself."""
    X = observed(spectra(30, 20), np.repeat([0.5, 1, 2], 10)[:, None], 21)
    p = guard.p_value(X)
    np.testing.assert_array_equal(p[::-1], guard.p_value(X[::-1]))
    np.testing.assert_array_equal(p[7:8], guard.p_value(X[7:8]))
    depth = spectra(2400, 0)
    train = np.hstack([depth, np.full_like(depth, SIGMA)])
    small = clone(guard).set_params(n_gaussians=4)
    one = clone(small).fit(train).p_value(X)
    other = clone(small).fit(train / 4).p_value(X / 4)
    np.testing.assert_allclose(one, other, atol=3 / 601)


def test_equal_seeds_give_equal_answers():
    X = observed(spectra(20, 22), 1, 23)
    settings = {"n": 600, "n_gaussians": 3, "n_reference": 100}
    first, second = (fitted(**settings, random_state=4).p_value(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (fitted(**settings, random_state=5).p_value(X) != first).any()


def test_scores_and_decisions_are_the_p_value(guard):
    X = observed(spectra(20, 24), 1, 25)
    np.testing.assert_allclose(np.exp(guard.score_samples(X)), guard.p_value(X))
    np.testing.assert_allclose(
        guard.decision_function(X), guard.score_samples(X) - guard.offset_, rtol=1e-12
    )


def test_bins_that_all_training_spectra_lack_are_left_out():
    depth = spectra(900, 0)
    X = np.hstack([depth, np.full_like(depth, SIGMA)])
    X[:, [5, 5 + N_BINS]] = np.nan
    guard = SpectrumGuard(GRID, n_gaussians=3, random_state=0).fit(X)
    row = observed(spectra(1, 1), 1, 2)
    other = row.copy()
    other[:, 5] = 0.9
    assert guard.p_value(row) == guard.p_value(other)
    found = guard.explain(observed(bad_bin(spectra(1, 1)), 0.5, 2))[0]
    assert found["bin"] == [20, 20], "bins keep their numbers"


def test_depths_alone_have_the_errors_that_were_given():
    depth = spectra(900, 0)
    settings = {"n_gaussians": 3, "random_state": 0}
    alone = SpectrumGuard(sigma=SIGMA, **settings).fit(depth)
    beside = SpectrumGuard(GRID, **settings).fit(np.hstack([depth, np.full_like(depth, SIGMA)]))
    X = observed(spectra(20, 1), 1, 2)
    np.testing.assert_array_equal(alone.p_value(X[:, :N_BINS]), beside.p_value(X))
    assert " at bin" in alone.verdict(bad_bin(X[:1, :N_BINS]) + bad_bin(0))[0]


def features(X):
    """Of a network that compares bins which, without noise, are always nearly alike."""
    depth = np.nan_to_num(X[:, :N_BINS], nan=0.01) / SIGMA
    return np.tanh(1e-2 * np.column_stack([depth[:, 3] - depth[:, 5], depth[:, 30] - depth[:, 32]]))


def test_a_networks_features_count_and_keep_the_rate(guard):
    watched = fitted(embed=features)
    X = observed(spectra(800, 26), 1, 27)
    X[:, [10, 10 + N_BINS]] = np.nan
    assert abs((watched.predict(X) < 0).mean() - 0.05) < 3.5 * alarm_error(800)
    assert set(watched.explain(X[:1])[0]["parts"]) == {*PARTS, "embedding", "errors"}
    X[:, 3] += 20 * SIGMA
    parts = [one["parts"]["embedding"] for one in watched.explain(X[:50])]
    assert (np.array(parts) < 0.05).mean() > 0.95
    arrays, settings = watched.to_arrays()
    again = SpectrumGuard.from_arrays(arrays, settings, features)
    np.testing.assert_array_equal(again.p_value(X[:50]), watched.p_value(X[:50]))
    without = SpectrumGuard.from_arrays(arrays, settings)
    assert "embedding" not in without.explain(X[:1])[0]["parts"]


def test_what_is_kept_is_small_and_answers_alike(guard, tmp_path):
    arrays, settings = guard.to_arrays()
    np.savez(tmp_path / "guard.npz", **arrays)
    with np.load(tmp_path / "guard.npz", allow_pickle=False) as read:
        again = SpectrumGuard.from_arrays(dict(read), json.loads(json.dumps(settings)))
    X = observed(spectra(40, 28), 1, 29)
    assert again.explain(X) == guard.explain(X)
    assert again.grid == GRID
    # So that 500 bins, 40 components, 60 Gaussians and 1000 spectra for reference take a megabyte:
    # a byte for each bin of the reference, and four for anything that goes with its square.
    assert arrays["reference_rest"].dtype == np.int8
    assert arrays["factors"].nbytes == 4 * len(arrays["weights"]) * sum(
        range(1, 1 + len(arrays["basis"]))
    )


@pytest.mark.parametrize("name", ["mean", "scale", "reference_rest", "factors"])
def test_arrays_that_do_not_fit_are_refused(guard, name):
    arrays, settings = guard.to_arrays()
    with pytest.raises(FileFormatError, match="not the arrays"):
        SpectrumGuard.from_arrays(arrays | {name: arrays[name][:-1]}, settings)
    with pytest.raises(FileFormatError, match="not the arrays"):
        SpectrumGuard.from_arrays({k: v for k, v in arrays.items() if k != name}, settings)
    with pytest.raises(FileFormatError, match="version 9"):
        SpectrumGuard.from_arrays(arrays, settings | {"version": 9})


def rows(**cells):
    X = observed(spectra(3, 30), 1, 31)
    X[1, cells["at"]] = cells["value"]
    return X


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (rows(at=slice(None), value=np.nan), RangeError, "spectrum 1 has no depth"),
        (rows(at=N_BINS + 4, value=0), RangeError, "bin 4 of spectrum 1 is 0"),
        (rows(at=N_BINS + 4, value=-1e-4), RangeError, "bin 4 of spectrum 1 is -0.0001"),
        (rows(at=N_BINS + 4, value=50.0), RangeError, "is it in ppm"),
        (rows(at=N_BINS + 4, value=np.inf), ValueError, "contains infinity"),
        (rows(at=N_BINS + 4, value=np.nan), RangeError, "bin 4 of spectrum 1 is nan"),
        (rows(at=4, value=np.inf), ValueError, "contains infinity"),
        (np.ones((2, 7)), ValueError, "7 features"),
    ],
    ids=["empty", "zero", "negative", "ppm", "infinite error", "no error", "infinite", "columns"],
)
def test_spectra_that_cannot_be_judged_are_refused(guard, X, error, words):
    for ask in (guard.p_value, guard.predict, guard.explain, guard.verdict):
        with pytest.raises(error, match=words):
            ask(X)


def test_training_that_makes_no_sense_is_refused():
    X = observed(spectra(90, 0), 1, 0)
    with pytest.raises(RangeError, match="takes 99 reference spectra"):
        SpectrumGuard(GRID, false_alarm_rate=0.01).fit(X)
    for settings, words in (
        ({"false_alarm_rate": 0}, "between 0 and 1"),
        ({"n_reference": 0}, "n_reference must be at least 1"),
        ({"n_gaussians": 0}, "n_gaussians must be at least 1"),
        ({"n_components": -1}, "n_components must be at least 0"),
    ):
        with pytest.raises(RangeError, match=words):
            SpectrumGuard(GRID, **settings).fit(X)
    with pytest.raises(GridError, match="neither the depths"):
        SpectrumGuard(GRID).fit(X[:, :-1])
    with pytest.raises(GridError, match="sigma has shape"):
        SpectrumGuard(sigma=np.ones(3)).fit(X)
    with pytest.raises(RangeError, match="give spectra without noise"):
        SpectrumGuard(GRID, n_components=10).fit(observed(spectra(900, 0), 1, 0))
    X[3, 5] = np.nan
    with pytest.raises(RangeError, match="lack bins that others have"):
        SpectrumGuard(GRID).fit(X)
    with pytest.raises(NotFittedError):
        SpectrumGuard(GRID).p_value(X)


@pytest.mark.parametrize("bad", [lambda X: np.ones(len(X)), lambda X: np.full((len(X), 2), np.nan)])
def test_features_that_are_none_are_refused(bad):
    with pytest.raises(RangeError, match="embed must give finite numbers"):
        fitted(300, embed=bad, n_reference=50)


def test_ranks_are_those_of_a_pool():
    """Whatever the parts are, and however they hang together: uniform, in steps."""
    random = np.random.default_rng(0)
    p = []
    for _ in range(400):
        pool = random.standard_t(2, (40, 1)) + random.standard_t(2, (40, 3))
        pool = np.column_stack([pool, -pool[:, 0], np.round(pool[:, 1])])
        both, parts = pool_p_values(pool[1:], pool[:1])
        by_hand = np.mean(pool >= pool[0], axis=0)
        np.testing.assert_allclose(parts[0], by_hand)
        p.append(both[0])
    steps = np.arange(1, 41) / 40
    share = np.mean(np.array(p)[:, None] <= steps + 1e-9, axis=0)
    assert (share < steps + 4 * np.sqrt(steps * (1 - steps) / 400) + 1e-9).all()
    assert abs(share[19] - 0.5) < 0.1


def test_the_scores_are_those_of_a_plain_gaussian():
    """Against the dense covariance, without Woodbury; and with the moments of chi-squared."""
    random = np.random.default_rng(1)
    n_bins, n = 30, 4000
    basis = np.linalg.qr(random.standard_normal((n_bins, 3)))[0].T
    factor = np.tril(random.standard_normal((3, 3))) + 3 * np.eye(3)
    known = KnownSpectra(
        np.arange(n_bins), np.zeros(n_bins), basis, np.ones(1), np.zeros((1, 3)), factor[None]
    )
    sigma = random.uniform(0.5, 2, n_bins)
    there = random.random(n_bins) < 0.8
    x = random.standard_normal((n, 3)) @ factor.T @ basis + known.mean
    x = (x + sigma * random.standard_normal((n, n_bins)))[:, there]
    found = ObservedBins(known, sigma, there).scores(x)
    noise = np.diag(sigma[there] ** 2)
    covariance = noise + basis[:, there].T @ factor @ factor.T @ basis[:, there]
    inverse = np.linalg.inv(covariance)
    pulled = (x - known.mean[there]) @ inverse
    single = np.abs(pulled / np.sqrt(np.diag(inverse))).max(axis=1)
    np.testing.assert_allclose(found.parts[:, PARTS.index("bin")], single)
    outside = np.einsum("ni,ij,nj->n", pulled, noise, pulled)
    assert found.ratio == pytest.approx(np.sqrt(outside / np.trace(inverse @ noise)))
    for part in ("excess", "shape"):
        z = found.parts[:, PARTS.index(part)]
        assert abs(z.mean()) < 4 / np.sqrt(n)
        assert z.std() == pytest.approx(1, abs=0.06)


def test_a_molecule_that_the_model_lacks_is_found_where_it_shows():
    """Cloudless planets of the built-in simulator at R = 60, with ammonia that nobody told of."""
    everything = exosk.get_simulator("builtin").space
    names = ["planet_radius", "temperature", "log_x_h2o", "log_x_co2"]
    space = ParameterSpace([everything[everything.index(name)] for name in names])
    fixed = {"planet_mass": 1.0, "log_x_nh3": -4}
    instrument = exosk.get_instrument("nirspec-prism", resolution=60)
    simulator = exosk.get_simulator(
        "builtin", molecules=("H2O", "CO2"), space=space, fixed={"planet_mass": 1.0}
    )
    data = simulate_dataset(simulator, 1200, instrument, 0)
    guard = SpectrumGuard(data.grid, n_reference=400, n_gaussians=10, random_state=0)
    guard.fit(data.with_sigma())
    theta = space.sample(200, 1)
    known = simulate_in_bins(simulator, data.grid)(theta)
    simulator = exosk.get_simulator(
        "builtin", molecules=("H2O", "CO2", "NH3"), space=space, fixed=fixed
    )
    unknown = simulate_in_bins(simulator, data.grid)(theta)
    sigma = np.broadcast_to(instrument.sigma, known.shape)
    noise = sigma * np.random.default_rng(2).standard_normal(sigma.shape)
    alarm = guard.predict(np.hstack([known + noise, sigma])) < 0
    assert alarm.mean() < 0.05 + 3.5 * np.sqrt(0.05 * 0.95 * (1 / 200 + 1 / 400))
    change = (unknown - known) / sigma
    shows = np.sum((change - change.mean(axis=1, keepdims=True)) ** 2, axis=1) > 100
    assert shows.sum() > 30
    alarm = guard.predict(np.hstack([unknown + noise, sigma])) < 0
    assert alarm[shows].mean() >= 0.95


def test_it_may_be_kept_as_models_are(guard):
    again = restore(dump(guard), "guard")
    X = observed(spectra(20, 5), 1.0, 6)
    np.testing.assert_array_equal(again.score_samples(X), guard.score_samples(X))
