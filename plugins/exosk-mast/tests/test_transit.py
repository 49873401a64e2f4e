"""Depths of simulated transits: unbiased, with honest errors, whatever does not matter."""

import numpy as np
import pytest
from exosk_mast import fit_transit
from exosk_mast.lightcurve import red_noise, transit_shape

from exosk.exceptions import RangeError, UnknownNameError

LD = (0.15, 0.2)


def light_curve(orbit, depth=0.021, sigma=1e-3, n=250, rng=0, half=0.13, epochs=(0,), slope=0.03):
    phase = np.concatenate([np.linspace(-half, half, n) for _ in epochs])
    time = orbit.transit_time + np.repeat(epochs, n) * orbit.period + phase
    flux = transit_shape(phase, orbit, depth, *LD) * (1 + slope * phase)
    return time, flux + sigma * np.random.default_rng(rng).normal(size=len(time))


def pulls(orbit, n, depth, options, **simulated):
    found, rng = [], np.random.default_rng(5)
    for _ in range(n):
        fit = fit_transit(*light_curve(orbit, depth, rng=rng, **simulated), orbit, **options)
        found.append((fit.depth - depth) / fit.depth_err)
    return np.array(found)


@pytest.mark.parametrize(
    ("depth", "sigma", "options"),
    [
        (0.021, 1e-3, {"limb_darkening": LD}),
        (0.021, 2e-4, {}),
        (0.021, 2e-4, {"fit_time": True}),
        (1e-4, 1e-3, {"limb_darkening": LD}),
        (0.0, 1e-3, {"limb_darkening": LD}),
    ],
    ids=["fixed", "free", "late", "faint", "none"],
)
def test_errors_are_those_of_repetitions(orbit, depth, sigma, options):
    """The mean pull within 3.3 of its standard errors, and the spread one within 3.3."""
    n = 120
    found = pulls(orbit, n, depth, options, sigma=sigma)
    assert abs(found.mean()) < 3.3 / np.sqrt(n)
    assert abs(found.std() - 1) < 3.3 / np.sqrt(2 * n)


def test_errors_are_large_enough_where_limb_darkening_is_not_seen(orbit):
    """Its bounds then tell more than the covariance knows of."""
    found = pulls(orbit, 120, 0.021, {}, sigma=2e-3)
    assert abs(found.mean()) < 0.3
    assert 0.5 < found.std() < 1.2


def test_the_unit_of_the_flux_does_not_matter(orbit):
    time, flux = light_curve(orbit)
    one, other = (fit_transit(time, scale * flux, orbit) for scale in (1.0, 3.7e9))
    assert other.depth == pytest.approx(one.depth, rel=1e-8)
    assert other.depth_err == pytest.approx(one.depth_err, rel=1e-5)


def test_a_slope_does_not_matter(orbit):
    time, flux = light_curve(orbit, sigma=1e-4, slope=0.0)
    tilted = flux * (1 + 0.1 * (time - orbit.transit_time))
    fits = [fit_transit(time, f, orbit, limb_darkening=LD) for f in (flux, tilted)]
    assert fits[1].depth == pytest.approx(fits[0].depth, abs=0.2 * fits[0].depth_err)


def test_the_order_of_points_does_not_matter(orbit):
    time, flux = light_curve(orbit)
    shuffled = np.random.default_rng(1).permutation(len(time))
    one, other = fit_transit(time, flux, orbit), fit_transit(time[shuffled], flux[shuffled], orbit)
    assert other.depth == pytest.approx(one.depth, rel=1e-7)
    assert other.depth_err == pytest.approx(one.depth_err, rel=1e-4)


def test_transits_are_folded_at_the_period(orbit):
    """Four transits have half the error of one."""
    errors = [
        fit_transit(*light_curve(orbit, epochs=range(n)), orbit, limb_darkening=LD).depth_err
        for n in (1, 4)
    ]
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.2)


def test_each_transit_has_a_level_of_its_own(orbit):
    time, flux = light_curve(orbit, epochs=range(3))
    jumping = flux * (1 + 0.2 * orbit.epoch(time))
    one, other = (fit_transit(time, f, orbit, limb_darkening=LD) for f in (flux, jumping))
    assert other.depth == pytest.approx(one.depth, abs=0.3 * one.depth_err)


def test_a_late_transit_is_found(orbit):
    late = 0.01
    time, flux = light_curve(orbit, sigma=3e-4)
    fit = fit_transit(time + late, flux, orbit, fit_time=True)
    assert fit.time_shift == pytest.approx(late, abs=5 * fit.time_shift_err)
    assert fit.time_shift_err < 3e-4
    assert fit.depth == pytest.approx(0.021, abs=4 * fit.depth_err)
    with pytest.raises(RangeError, match="half its duration"):
        fit_transit(time + 0.075, flux, orbit, fit_time=True)


def test_a_long_exposure_is_averaged_over(orbit):
    """Half-hour exposures smear ingress; not to know it biases the depth."""
    exposure, n = 0.0204, 15
    fine = np.linspace(-0.15, 0.15, n)[:, None] + exposure * np.linspace(-0.5, 0.5, 101)
    flux = transit_shape(fine.ravel(), orbit, 0.021, *LD).reshape(fine.shape).mean(axis=1)
    rng = np.random.default_rng(0)
    epochs = np.arange(20)
    time = (orbit.transit_time + epochs[:, None] * orbit.period + fine.mean(axis=1)).ravel()
    flux = np.tile(flux, 20) + 1e-4 * rng.normal(size=time.size)
    known, unknown = (
        fit_transit(time, flux, orbit, limb_darkening=LD, exposure=e) for e in (exposure, 0.0)
    )
    assert known.depth == pytest.approx(0.021, abs=4 * known.depth_err)
    assert abs(unknown.depth - 0.021) > 4 * known.depth_err


def test_outliers_are_left_out(orbit):
    time, flux = light_curve(orbit)
    clean = fit_transit(time, flux, orbit)
    flux[::40] += 0.05
    fit = fit_transit(time, flux, orbit)
    assert fit.n_clipped == 7
    assert fit.depth == pytest.approx(clean.depth, abs=clean.depth_err)
    assert np.isfinite(fit.residuals).all()
    assert fit.residuals[::40].min() > 0.04


def test_missing_points_are_missing(orbit):
    time, flux = light_curve(orbit)
    holes = np.random.default_rng(0).random(len(time)) < 0.3
    fit = fit_transit(time, np.where(holes, np.nan, flux), orbit)
    assert fit.n_points == (~holes).sum()
    assert fit.depth == pytest.approx(0.021, abs=4 * fit.depth_err)
    assert (np.isnan(fit.model) == holes).all()


def test_red_noise_makes_errors_larger(orbit):
    """Correlated over the time of ingress, of the same scatter."""
    time, white = light_curve(orbit, n=600)
    noise = np.random.default_rng(0).normal(size=len(time) + 60)
    red = np.convolve(noise, np.ones(30) / np.sqrt(30), "valid")[: len(time)]
    clean = transit_shape(orbit.phase(time), orbit, 0.021, *LD)
    fits = [fit_transit(time, f, orbit, limb_darkening=LD) for f in (white, clean + 1e-3 * red)]
    assert fits[0].beta < 1.4
    assert fits[1].beta > 2
    assert fits[1].depth_err > 1.7 * fits[0].depth_err


def test_the_red_noise_factor_of_white_noise_is_near_one():
    time = np.linspace(0, 0.3, 2000)
    rng = np.random.default_rng(0)
    factors = [red_noise(time, rng.normal(size=2000), 0.005, 0.02) for _ in range(30)]
    assert 1.0 <= np.mean(factors) < 1.1
    assert red_noise(time[:3], np.zeros(3), 0.005, 0.02) == 1.0


@pytest.mark.parametrize("depth", [1e-3, 0.02, -0.002])
def test_the_shape_is_a_transit(orbit, depth):
    phase = np.linspace(-0.2, 0.2, 201)
    shape = transit_shape(phase, orbit, depth, *LD)
    assert (shape[np.abs(phase) > orbit.duration() / 2 + 0.01] == 1).all()
    np.testing.assert_allclose(shape, shape[::-1], rtol=1e-9)
    mirrored = transit_shape(phase, orbit, -depth, *LD)
    np.testing.assert_allclose(shape + mirrored, 2.0)
    dark = transit_shape(np.zeros(1), orbit, depth, 0.0, 0.0)
    assert dark[0] == pytest.approx(1 - depth)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"limb_darkening": "linear"}, UnknownNameError, "limb darkening 'linear'"),
        ({"limb_darkening": (0.1,)}, UnknownNameError, "two coefficients"),
        ({"limb_darkening": (0.9, 0.5)}, RangeError, "no star's"),
    ],
)
def test_what_is_no_limb_darkening_is_refused(orbit, options, kind, message):
    with pytest.raises(kind, match=message):
        fit_transit(*light_curve(orbit), orbit, **options)


def test_a_light_curve_without_a_transit_is_refused(orbit):
    time, flux = light_curve(orbit)
    for bad_time, bad_flux in (
        (time + 1.0, flux),
        (time, np.full_like(flux, np.nan)),
        (time, -flux),
        (time[:12], flux[:12]),
    ):
        with pytest.raises(RangeError, match=r"too few for a depth"):
            fit_transit(bad_time, bad_flux, orbit)
    with pytest.raises(RangeError, match="times"):
        fit_transit(time, flux[1:], orbit)
