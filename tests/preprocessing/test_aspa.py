"""Spectra to pictures and back: both ways, in both scalings, and what is not known."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.parameters import LogUniform, Normal, Parameter, ParameterArray, ParameterSpace, Uniform
from exosk.preprocessing.aspa import AspaEncoder
from exosk.preprocessing.aspa_layout import AspaLayout
from exosk.preprocessing.exogan import exogan_wavelength
from exosk.rows import join_rows
from exosk.spectra import SpectralGrid
from exosk.units import JUPITER_RADIUS

GRID = SpectralGrid.from_centers(exogan_wavelength())
SPACE = ParameterSpace(
    [
        Parameter("planet_radius", Uniform(0.8, 1.5), "R_jup"),
        Parameter("planet_mass", Uniform(0.8, 2.0), "M_jup"),
        Parameter("temperature", Uniform(1000.0, 2000.0), "K"),
        *(Parameter(f"log_x_{gas}", Uniform(-8.0, -1.0)) for gas in ("h2o", "co2", "co", "ch4")),
    ]
)
COARSE = SpectralGrid.from_resolution(0.5, 12, 8)


def spectra(grid: SpectralGrid, n: int = 12, seed: int = 0) -> np.ndarray:
    """Lines and a slope on levels between 0.7 and 2 per cent."""
    random = np.random.default_rng(seed)
    level = random.uniform(0.007, 0.02, (n, 1))
    slope = random.uniform(-3e-4, 3e-4, (n, 1)) * np.log(grid.wavelength)
    return level + slope + 2e-4 * random.standard_normal((n, grid.n_bins))


def case(name: str) -> tuple[AspaEncoder, np.ndarray, np.ndarray]:
    """A fitted encoder with spectra and parameters."""
    theta = SPACE.sample(12, 1)
    if name == "no grid":
        X = spectra(COARSE)
        return AspaEncoder().fit(X, theta), X, theta
    if name == "no parameters":
        X = spectra(COARSE)
        return AspaEncoder(COARSE).fit(X), X, np.empty((12, 0))
    grid = {"ExoGAN": GRID, "part of ExoGAN": GRID[:462], "coarse": COARSE}[name.split(",")[0]]
    scaling = "exogan" if name.endswith("published") else "range"
    X = spectra(grid)
    return AspaEncoder(grid, SPACE, scaling=scaling).fit(X, theta), X, theta


CASES = [
    "ExoGAN",
    "ExoGAN, published",
    "part of ExoGAN, published",
    "coarse",
    "coarse, published",
    "no grid",
    "no parameters",
]
each_case = pytest.mark.parametrize("name", CASES)


@parametrize_with_checks([AspaEncoder()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@each_case
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pictures_are_read_back(name, dtype):
    encoder, X, theta = case(name)
    images = encoder.encode(X.astype(dtype), theta)
    eps = np.finfo(dtype).eps
    assert images.dtype == dtype
    assert np.isfinite(images).all()
    depth, parameters = encoder.decode(images)
    assert depth.dtype == parameters.dtype == dtype
    np.testing.assert_allclose(depth, X, rtol=8 * eps)
    np.testing.assert_allclose(parameters, theta, rtol=32 * eps)
    again = encoder.encode(depth, parameters)
    # Normalised depths magnify the rounding of depths by level over contrast.
    np.testing.assert_allclose(again, images, atol=1e3 * eps)


@each_case
def test_other_spectra_of_other_levels_are_read_back(name):
    encoder, _, theta = case(name)
    brighter = 1.7 * spectra(encoder.grid or COARSE, 5, seed=3)
    depth, parameters = encoder.decode(encoder.encode(brighter, theta[:5]))
    np.testing.assert_allclose(depth, brighter, rtol=1e-14)
    np.testing.assert_allclose(parameters, theta[:5], rtol=1e-14)


@pytest.mark.parametrize("n_bins", [1, 2, 3, 7])
@pytest.mark.parametrize("scaling", ["range", "exogan"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_flat_bands_and_single_bins_are_read_back(n_bins, scaling, dtype):
    X = np.full((3, n_bins), [[0.01], [0.0213], [1 / 30]], dtype)
    encoder = AspaEncoder(scaling=scaling).fit(X)
    images = encoder.encode(X)
    assert np.isfinite(images).all()
    assert (images[:, encoder.aspa_layout_.owner < 0] == 0).all()
    np.testing.assert_allclose(encoder.decode(images)[0], X, rtol=8 * np.finfo(dtype).eps)
    barely = X * (1 + np.finfo(dtype).eps * np.arange(n_bins)).astype(dtype)
    depths = encoder.encode_code(barely)[:, :n_bins]
    np.testing.assert_array_equal(depths, 0)


def test_a_published_picture_by_loops():
    """The normalisation and the constants, pixel by pixel, from their description."""
    encoder, X, theta = case("ExoGAN, published")
    image = encoder.encode(X, theta)[4]
    descending = X[4][::-1]
    first = [0, 162, 195, 208, 241, 255, 318, 334, 371, 384, 394, 406, 420, 440, 515]
    normalised = []
    for i in range(14):
        band = descending[first[i] : first[i + 1]]
        low, high = band.min(), band.max()
        normalised += [(d - low) / (high - low) for d in band]
        for k in range(23):
            row, column = (k, 23 + i) if i < 7 else (23 + i - 7, k)
            expected = high / 0.0301803471629 if k < 12 else 0.00650370296635 / low
            assert image[row, column] == pytest.approx(expected, rel=1e-13)
    normalised += [descending.mean() / 0.0301803471629] * 14
    np.testing.assert_allclose(image[:23, :23], np.reshape(normalised, (23, 23)), atol=1e-12)
    radius, mass, temperature, h2o, co2, co, ch4 = theta[4]
    np.testing.assert_allclose(image[:23, 30:], [[-co2 / 8, -co / 8, -ch4 / 8]] * 23)
    rows = [[mass / 2], [radius / 1.5], [temperature / 2000]]
    np.testing.assert_allclose(image[30:, :23], np.repeat(rows, 23, axis=1))
    np.testing.assert_allclose(image[23:, 23:], -h2o / 8)


def test_the_published_scales_bring_exogans_own_spectrum_to_between_0_and_1(shared_data):
    wavelength, depth, _ = np.loadtxt(shared_data / "exogan" / "input_spectrum.dat").T[:, ::-1]
    grid = SpectralGrid.from_centers(wavelength)
    radius = 0.88 * 6.9911e9 / JUPITER_RADIUS
    logs = np.log10([1e-1, 1.29e-5, 2.15e-6, 0.0028])
    theta = [[radius, 0.8, 1117.0, *logs]]
    encoder = AspaEncoder(grid, SPACE, scaling="exogan").fit([depth], theta)
    assert encoder.aspa_layout_ == AspaLayout.exogan(SPACE.names)
    image = encoder.encode([depth], theta)
    assert image.shape == (1, 33, 33)
    assert 0 <= image.min() < image.max() <= 1
    found, parameters = encoder.decode(image)
    np.testing.assert_allclose(found[0], depth, rtol=1e-14)
    np.testing.assert_allclose(parameters, theta, rtol=1e-14)


def test_by_their_range_training_spectra_fill_0_to_1():
    encoder, X, theta = case("coarse")
    code = encoder.encode_code(X, theta)
    sections = encoder.aspa_layout_.sections
    for name in ("depth", "maximum", "minimum", "mean"):
        assert code[:, sections[name]].min() == 0
        assert code[:, sections[name]].max() == pytest.approx(1)
    expected = (theta - SPACE.bounds[:, 0]) / np.ptp(SPACE.bounds, axis=1)
    np.testing.assert_allclose(code[:, sections["parameters"]], expected)
    deeper = encoder.encode_code(X + 0.01)
    assert (deeper[:, sections["mean"]] > 0.3).all()
    assert np.nanmax(deeper) > 1


def test_parameters_without_a_prior_have_the_range_of_training():
    X = spectra(COARSE)
    encoder = AspaEncoder().fit(X, np.arange(12.0))
    assert encoder.names_ == ["parameter_0"]
    np.testing.assert_array_equal(encoder.parameter_range_, [[0, 11]])
    with pytest.raises(RangeError, match=r"parameter_0 = 12 in row 1 lies outside .*, 0 to 11"):
        encoder.encode(X[:2], [[3.0], [12.0]])


def test_a_prior_without_ends_is_closed_far_out():
    space = ParameterSpace(
        [
            Parameter("temperature", Normal(1000.0, 50.0, low=0.0)),
            Parameter("kappa", LogUniform(1e-3, 1.0)),
        ]
    )
    X = spectra(COARSE)
    encoder = AspaEncoder(space=space).fit(X)
    low, high = encoder.parameter_range_[0]
    assert low == 0
    assert high == pytest.approx(1300, abs=1)
    theta = space.sample(12, 0)
    np.testing.assert_allclose(encoder.decode(encoder.encode(X, theta))[1], theta, rtol=1e-12)


def test_the_space_comes_with_y_or_by_itself():
    X, theta = spectra(COARSE), SPACE.sample(12, 1)
    given = AspaEncoder(COARSE, SPACE).fit(X)
    brought = AspaEncoder(COARSE).fit(X, ParameterArray(theta, SPACE))
    assert given.names_ == brought.names_ == SPACE.names
    assert given.aspa_layout_ == brought.aspa_layout_
    np.testing.assert_array_equal(given.encode(X, theta), brought.encode(X, theta))


def test_which_picture_is_laid_out():
    theta = SPACE.sample(3, 0)
    for grid, edges, side in [
        (GRID, None, 33),
        (GRID[:462], None, 33),
        (GRID, [1.0], 23 + 1 + 3),
        (GRID[120:170], None, 8 + 2 + 3),  # ExoGAN's bins, but of four bands
        (COARSE, None, 6 + 7 + 3),
    ]:
        encoder = AspaEncoder(grid, SPACE, edges).fit(spectra(grid, 3), theta)
        assert encoder.aspa_layout_.side == side
        assert encoder.encode(spectra(grid, 2)).shape == (2, side, side)
    five = AspaEncoder(GRID, SPACE[2:]).fit(spectra(GRID, 3))
    assert five.aspa_layout_.side == 23 + 7 + 2


def test_a_missing_bin_hides_the_extremes_of_its_band_and_the_mean():
    encoder, X, theta = case("ExoGAN")
    layout, sections = encoder.aspa_layout_, encoder.aspa_layout_.sections
    k = 200
    band = layout.band_of_bin[k]
    gappy = X.copy()
    gappy[2, k] = np.nan
    code, whole = encoder.encode_code(gappy, theta), encoder.encode_code(X, theta)
    hidden = np.zeros(layout.n_code, dtype=bool)
    hidden[[k, sections["maximum"].start + band, sections["minimum"].start + band]] = True
    hidden[sections["mean"]] = True
    np.testing.assert_array_equal(np.isnan(code[2]), hidden)
    np.testing.assert_array_equal(np.delete(code, 2, axis=0), np.delete(whole, 2, axis=0))
    inside = layout.band_of_bin == band
    rest = gappy[2, inside]
    expected = (rest - np.nanmin(rest)) / (np.nanmax(rest) - np.nanmin(rest))
    np.testing.assert_allclose(code[2, : layout.n_bins][inside], expected)
    depth, parameters = encoder.decode(encoder.encode(gappy, theta))
    np.testing.assert_array_equal(np.isnan(depth[2]), inside)
    np.testing.assert_allclose(depth[2, ~inside], X[2, ~inside], rtol=1e-14)
    np.testing.assert_allclose(parameters, theta, rtol=1e-14)


def test_a_spectrum_of_one_instrument_and_no_parameters():
    encoder, X, _ = case("ExoGAN, published")
    wfc3 = np.isin(514 - np.arange(515), np.arange(334, 384))  # ExoGAN's mask: two whole bands
    code = encoder.encode_code(np.where(wfc3, X, np.nan))
    sections = encoder.aspa_layout_.sections
    np.testing.assert_array_equal(np.isnan(code[:, sections["depth"]]), np.tile(~wfc3, (12, 1)))
    assert np.isnan(code[:, sections["parameters"]]).all()
    assert (np.isfinite(code[:, sections["maximum"]]).sum(axis=1) == 2).all()
    flat = encoder.transform(X)
    assert flat.shape == (12, 33 * 33)
    np.testing.assert_allclose(encoder.inverse_transform(flat), X, rtol=1e-14)
    assert np.isnan(encoder.decode(flat)[1]).all()


def test_parameters_may_be_known_in_part():
    encoder, X, theta = case("coarse")
    theta[3, 2] = np.nan
    found = encoder.decode(encoder.encode(X, theta))[1]
    np.testing.assert_allclose(found, theta, rtol=1e-14)


def test_errors_are_dropped():
    X, theta = spectra(COARSE), SPACE.sample(12, 1)
    encoder = AspaEncoder(COARSE, SPACE).fit(X, theta)
    with_errors = AspaEncoder(COARSE, SPACE).fit(join_rows(X, np.full(COARSE.n_bins, 1e-4)), theta)
    images = with_errors.encode(join_rows(X, np.full(COARSE.n_bins, 3e-5)), theta)
    np.testing.assert_array_equal(images, encoder.encode(X, theta))
    assert with_errors.inverse_transform(images).shape == X.shape


@pytest.mark.parametrize("name", ["ExoGAN", "coarse, published"])
def test_gradients_pass_through_decoding(name):
    encoder, X, theta = case(name)
    code = torch.tensor(encoder.encode_code(X[:2], theta[:2]), requires_grad=True)
    assert torch.autograd.gradcheck(encoder.decode_code, (code,), fast_mode=name == "ExoGAN")
    depth, parameters = encoder.decode_code(code)
    np.testing.assert_allclose(depth.detach().numpy(), X[:2], rtol=1e-14)
    np.testing.assert_allclose(parameters.detach().numpy(), theta[:2], rtol=1e-14)
    single, _ = encoder.decode_code(code.float().reshape(2, 1, -1))
    assert single.dtype == torch.float32
    assert single.shape == (2, 1, X.shape[1])


def test_decoding_an_image_is_linear_for_torch_too():
    """The matrix, the pixels' owners and decode_code together are decode."""
    encoder, X, theta = case("ExoGAN, published")
    images = torch.tensor(encoder.encode(X, theta))
    averaging = torch.tensor(encoder.aspa_layout_.averaging)
    depth, parameters = encoder.decode_code(images.reshape(len(images), -1) @ averaging)
    np.testing.assert_allclose(depth, X, rtol=1e-13)
    np.testing.assert_allclose(parameters, theta, rtol=1e-13)


@each_case
def test_pixels_have_names_in_tables(name):
    encoder, X, theta = case(name)
    model = clone(encoder).set_output(transform="pandas")
    frame = model.fit(X, theta if theta.size else None).transform(X)
    assert frame.columns.is_unique
    np.testing.assert_array_equal(frame, encoder.transform(X))
    names = encoder.get_feature_names_out().reshape(encoder.aspa_layout_.owner.shape)
    bins = COARSE.feature_names() if encoder.grid is None else encoder.grid.feature_names()
    if encoder.grid is None:
        bins = [f"x{k}" for k in range(len(bins))]
    shown = [names[encoder.aspa_layout_.owner == k].item() for k in range(len(bins))]
    assert shown == bins
    if name.startswith("ExoGAN"):
        assert names[0, 0] == "depth_50.1734um"
        assert names[0, 23] == "maximum_band13_pixel0"
        assert names[22, 23] == "minimum_band13_pixel10"
        assert names[32, 22] == "temperature_pixel22"
        assert names[32, 32] == "log_x_h2o_pixel99"
    if name == "no parameters":
        assert names[-1, -1].startswith("empty_pixel")


def test_it_survives_pickling_and_leaves_spectra_as_they_were():
    encoder, X, theta = case("ExoGAN")
    before = X.copy()
    images = encoder.encode(X, theta)
    images[:] = 0
    np.testing.assert_array_equal(X, before)
    restored = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(restored.encode(X, theta), encoder.encode(X, theta))


def with_value(theta: np.ndarray, name: str, value: float) -> np.ndarray:
    changed = theta.copy()
    changed[1, SPACE.index(name)] = value
    return changed


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("log_x_co", -8.5, "log_x_co = -8.5 in row 1 lies outside the encoding's range, -8 to 0"),
        ("log_x_h2o", 0.1, "-8 to 0; leave it out, or use scaling='range'"),
        ("temperature", 2100.0, "temperature = 2100 .* 0 to 2000"),
        ("planet_radius", 1.6, "planet_radius = 1.6 .* 0 to 1.5"),
        ("planet_mass", -0.1, "planet_mass = -0.1 .* 0 to 2"),
    ],
)
def test_parameters_that_the_published_pixels_cannot_show(name, value, message):
    encoder, X, theta = case("ExoGAN, published")
    wrong = with_value(theta, name, value)
    with pytest.raises(RangeError, match=message):
        encoder.encode(X, wrong)
    with pytest.raises(RangeError, match=message):
        clone(encoder).fit(X, wrong)


def test_parameters_on_the_ends_may_be_rounded():
    encoder, X, _ = case("coarse")
    ends = SPACE.bounds.T.astype(np.float32)
    found = encoder.decode(encoder.encode(X[:2].astype(np.float32), ends))[1]
    np.testing.assert_allclose(found, ends, rtol=1e-6)


X12, THETA12 = spectra(COARSE), SPACE.sample(12, 1)


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda: AspaEncoder(scaling="ranges").fit(X12), UnknownNameError, "did you mean 'range'"),
        (lambda: AspaEncoder(edges=[1.0]).fit(X12), GridError, "give the grid"),
        (lambda: AspaEncoder(COARSE, edges=[2, 1]).fit(X12), RangeError, "must ascend"),
        (lambda: AspaEncoder(GRID).fit(X12), GridError, "bring the spectra to the model's bins"),
        (lambda: AspaEncoder(space=["t"]).fit(X12), RangeError, "not list"),
        (lambda: AspaEncoder().fit(X12, THETA12[:5]), RangeError, "12 spectra, but .* of 5"),
        (lambda: AspaEncoder(space=SPACE).fit(X12, THETA12[:, :3]), RangeError, "3 columns"),
        (lambda: AspaEncoder().fit(X12, np.full(12, np.inf)), ValueError, "y contains infinity"),
        (
            lambda: AspaEncoder().fit(X12, THETA12 * np.nan),
            RangeError,
            "parameter_0 is NaN in all rows of y",
        ),
        (
            lambda: AspaEncoder(space=SPACE).fit(X12, THETA12 + 1),
            RangeError,
            "planet_radius = .*0.8 to 1.5; leave it out, or fit on a wider prior",
        ),
        (
            lambda: AspaEncoder(space=SPACE).fit(X12, ParameterArray(THETA12[:, 2:], SPACE[2:])),
            RangeError,
            r"parameters are temperature, .* in this order",
        ),
        (
            lambda: AspaEncoder(scaling="exogan").fit(X12, THETA12),
            UnknownNameError,
            "no scale for 'parameter_0'",
        ),
        (
            lambda: AspaEncoder(scaling="exogan").fit(X12).encode(X12 - 0.01),
            RangeError,
            "takes reciprocals of depths; they must be positive",
        ),
        (
            lambda: AspaEncoder(COARSE).fit(np.where(COARSE.wavelength > 7, np.nan, X12)),
            RangeError,
            r"no training spectrum has a value in band 12 \(2 such bands\)",
        ),
        (
            lambda: (
                AspaEncoder().fit(X12).encode(np.where(np.arange(12)[:, None] == 3, np.nan, X12))
            ),
            RangeError,
            "spectrum 3 has no bin",
        ),
        (lambda: AspaEncoder().fit(X12).encode(X12, THETA12), RangeError, "shows 0"),
        (lambda: AspaEncoder().fit(X12).decode(X12), RangeError, "images of this ASPA are of sha"),
        (
            lambda: AspaEncoder().fit(X12).decode(np.full((1, 7, 7), np.inf)),
            RangeError,
            "image 0 has an infinite pixel",
        ),
        (
            lambda: AspaEncoder(scaling="exogan").fit(X12).decode(np.zeros((1, 7, 7))),
            RangeError,
            "pixels of the minimum of band 0 of image 0 are not positive",
        ),
    ],
)
def test_bad_input_is_refused(run, error, message):
    with pytest.raises(error, match=message):
        run()


def test_parameters_in_another_order_are_refused():
    encoder, X, theta = case("coarse")
    order = [1, 0, 2, 3, 4, 5, 6]
    other = ParameterArray(theta[:, order], ParameterSpace([SPACE[k] for k in order]))
    with pytest.raises(RangeError, match=r"planet_mass, planet_radius.*in this order; give Y so"):
        encoder.encode(X, other)
