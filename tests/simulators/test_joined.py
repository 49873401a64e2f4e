"""Several instruments of one planet, with offsets between them."""

import copy
import json
import pickle

import numpy as np
import pytest

import exosk
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.preprocessing import join_spectra
from exosk.simulators import Simulator, TransmissionModel, get_simulator
from exosk.simulators.binned import bin_matrix, simulate_in_bins
from exosk.simulators.joined import JoinedSimulator, offset_names
from exosk.simulators.removal import without_molecule
from exosk.spectra import SpectralGrid, Spectrum
from exosk.testing import SimulatorSuite

SIGMA = 3e-5
SPACE = ParameterSpace(
    [
        Parameter("planet_radius", Uniform(1.0, 1.2), "R_jup"),
        Parameter("temperature", Uniform(800.0, 1600.0), "K"),
        Parameter("log_x_h2o", Uniform(-8.0, -1.0), "log VMR"),
        Parameter("log_x_co2", Uniform(-8.0, -1.0), "log VMR"),
    ]
)
FIXED = {"planet_mass": 1.0, "star_radius": 1.0}


def part(low, high, resolution, instrument):
    grid = SpectralGrid.from_resolution(low, high, resolution)
    n = grid.n_bins
    return Spectrum(grid, np.full(n, 0.01), np.full(n, SIGMA), instrument=instrument)


# The second lies over the first, the third over an end of the second.
WFC3 = part(1.1, 1.7, 40, "HST WFC3")
PRISM = part(0.8, 3.0, 8, "JWST NIRSpec PRISM")
NIRCAM = part(2.5, 4.0, 15, "JWST NIRCam F322W2")
JOINED = join_spectra([WFC3, PRISM, NIRCAM])
GRID = JOINED.grid
NAMES = ["offset_jwst_nirspec_prism", "offset_jwst_nircam_f322w2"]
OWNER = np.array(JOINED.meta["instrument"])
# The first and third, a gap between them.
APART = join_spectra([WFC3, NIRCAM])


@pytest.fixture(scope="module")
def base():
    return TransmissionModel(("H2O", "CO2"), space=SPACE, fixed=FIXED, n_layers=30).restrict(GRID)


@pytest.fixture(scope="module")
def joined(base):
    return JoinedSimulator(base, JOINED)


def with_offsets(theta, *offsets):
    return np.column_stack([theta, np.tile(offsets, (len(theta), 1))])


THETA = SPACE.sample(4, random_state=0)


# What it is


def test_its_parameters_are_the_simulator_s_and_an_offset_for_each_instrument_but_one(joined, base):
    assert isinstance(joined, Simulator)
    assert joined.space.names == [*SPACE.names, *NAMES]  # as joined; WFC3 has most bins
    for name in NAMES:
        assert joined.space[name].bounds == (-500, 500)
        assert joined.space[name].unit == "ppm"
    assert joined.molecules == ("H2O", "CO2")
    assert joined.fixed == base.fixed


def test_offsets_of_zero_change_nothing(joined, base):
    plain, same = (simulate_in_bins(simulator, GRID) for simulator in (base, joined))
    np.testing.assert_array_equal(same(with_offsets(THETA, 0, 0)), plain(THETA))


@pytest.mark.parametrize("k", [0, 1])
def test_an_offset_shifts_its_own_bins_and_no_other(joined, k):
    ppm = np.array([[123.4], [-5e3], [0.01], [1.0]])
    theta = with_offsets(THETA, 0.0, 0.0)
    shifted = theta.copy()
    shifted[:, [-2 + k]] = ppm
    binned = simulate_in_bins(joined, GRID)
    change = binned(shifted) - binned(theta)
    mine = np.equal(OWNER, 1 + k)
    np.testing.assert_allclose(
        change[:, mine], np.tile(ppm * 1e-6, (1, mine.sum())), rtol=1e-9, atol=1e-16
    )
    assert not change[:, ~mine].any()


def test_samples_are_those_that_each_instrument_needs(joined, base):
    wavelength, places = joined.wavelength, []
    for spectrum in (WFC3, PRISM, NIRCAM):
        needed = base.wavelength[spectrum.grid.samples_needed(base.wavelength)]
        places.append(needed)
    np.testing.assert_array_equal(wavelength, np.concatenate(places))
    matrix = bin_matrix(joined, GRID)
    assert matrix.shape == (len(GRID), len(wavelength))
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(matrix @ wavelength, GRID.wavelength, rtol=1e-9)


def test_where_instruments_do_not_overlap_it_is_averaged_as_any_simulator(base):
    apart = JoinedSimulator(base, APART)
    own, usual = bin_matrix(apart, APART.grid), APART.grid.averaging_matrix(apart.wavelength)
    assert abs(own - usual).max() == 0


# Some of its bins


@pytest.mark.parametrize(
    "which", [slice(None), slice(3, 20), [0], [1, 5, 17], OWNER == 1, OWNER != 0]
)
def test_some_bins_are_what_they_are_among_all(joined, which):
    theta = with_offsets(THETA, 200, -100)
    some = GRID[which]
    few = joined.restrict(some)
    assert few.space == joined.space
    whole = simulate_in_bins(joined, GRID)(theta)[:, which]
    np.testing.assert_allclose(simulate_in_bins(few, some)(theta), whole, rtol=3e-7)
    assert (bin_matrix(joined, some) != bin_matrix(joined, GRID)[which]).nnz == 0


def test_bins_are_found_where_a_file_has_rounded_them(joined):
    near = SpectralGrid(GRID.lower * (1 + 3e-10), GRID.upper)
    np.testing.assert_array_equal(
        bin_matrix(joined, near).toarray(), bin_matrix(joined, GRID).toarray()
    )


def test_bins_of_nobody_are_refused(joined):
    strange = SpectralGrid([1.2, 1.6], [1.25, 1.65])
    for ask in (joined.restrict, joined.bin_matrix, lambda g: simulate_in_bins(joined, g)):
        with pytest.raises(GridError, match=r"bin 0 \(1.2-1.25 um\) .*\(2 of 2 are unknown\)"):
            ask(strange)


# Which instrument has none


def test_the_reference_may_be_chosen(base):
    joined = JoinedSimulator(base, JOINED, Normal(0, 50), reference="JWST NIRSpec PRISM")
    assert joined.space.names[-2:] == ["offset_hst_wfc3", NAMES[1]]
    assert joined.space["offset_hst_wfc3"].prior == Normal(0, 50)


def test_missing_bins_do_not_make_a_reference(base):
    depth = np.where(OWNER == 0, np.nan, JOINED.depth)
    joined = JoinedSimulator(base, JOINED.replace(depth=depth))
    assert "offset_hst_wfc3" in joined.space
    assert len(joined.restrict(GRID[OWNER == 0]).wavelength)


def test_an_instrument_may_have_its_own_prior_or_a_known_offset(base):
    offsets = {"JWST NIRSpec PRISM": 70.0, "JWST NIRCam F322W2": Normal(10, 20)}
    joined = JoinedSimulator(base, JOINED, offsets)
    assert joined.space.names == [*SPACE.names, NAMES[1]]
    assert joined.space[NAMES[1]].prior == Normal(10, 20)
    assert joined.fixed == {**base.fixed, NAMES[0]: 70.0}
    free = JoinedSimulator(base, JOINED)
    one, other = (simulate_in_bins(simulator, GRID) for simulator in (joined, free))
    np.testing.assert_array_equal(
        one(with_offsets(THETA, 30.0)), other(with_offsets(THETA, 70.0, 30.0))
    )
    assert joined.provenance["fixed"][NAMES[0]] == 70.0
    told = {name: own["offset"] for name, own in joined.provenance["instruments"].items()}
    assert told == {
        "HST WFC3": None,
        "JWST NIRSpec PRISM": 70.0,
        "JWST NIRCam F322W2": NAMES[1],
    }


def test_instruments_may_be_named_bin_by_bin(base):
    labels = np.array(["a", "b", "c"])[OWNER]
    joined = JoinedSimulator(base, GRID, instruments=labels)
    assert set(joined.space.names) - set(SPACE.names) == {"offset_b", "offset_c"}
    theta = with_offsets(THETA, 9, 30)
    np.testing.assert_array_equal(
        simulate_in_bins(joined, GRID)(theta),
        simulate_in_bins(JoinedSimulator(base, JOINED), GRID)(theta),
    )


def test_names_become_parameters():
    assert offset_names(["JWST NIRSpec PRISM", "HST/WFC3 (G141)", "", "µ"]) == {
        "JWST NIRSpec PRISM": "offset_jwst_nirspec_prism",
        "HST/WFC3 (G141)": "offset_hst_wfc3_g141",
        "": "offset_instrument_3",
        "µ": "offset_instrument_4",
    }
    with pytest.raises(RangeError, match=r"'a-b' would be offset_a_b, .* another"):
        offset_names(["a b", "a-b"])


def test_unnamed_instruments_are_told_apart(base):
    bare = [s.replace(instrument="") for s in (WFC3, PRISM)]
    joined = JoinedSimulator(base, join_spectra(bare))
    assert joined.space.names[-1] == "offset_instrument_2"


@pytest.mark.parametrize(
    ("bins", "options", "error", "message"),
    [
        (WFC3, {}, RangeError, "every bin is one of HST WFC3, .* join the spectra"),
        (GRID, {}, RangeError, "every bin is one of an unnamed instrument"),
        (GRID, {"instruments": ["a", "b"]}, GridError, "those of 2 bins, but there are"),
        (JOINED, {"reference": "HST WFC"}, UnknownNameError, "HST WFC3"),
        (JOINED, {"offsets": {"PRISM": Normal(0, 1)}}, UnknownNameError, "PRISM"),
        (
            JOINED,
            {"offsets": {"HST WFC3": Normal(0, 1)}, "reference": "HST WFC3"},
            RangeError,
            "HST WFC3 is the reference and has an offset",
        ),
        (
            JOINED,
            {
                "offsets": dict.fromkeys(
                    ["HST WFC3", PRISM.instrument, NIRCAM.instrument], Normal(0, 1)
                )
            },
            RangeError,
            "every instrument .* has a free offset",
        ),
        (JOINED, {"offsets": {"HST WFC3": "100"}}, RangeError, "have a prior in ppm, .* got '100'"),
        (JOINED, {"offsets": {"HST WFC3": np.nan}}, RangeError, "got nan"),
        (JOINED, {"offsets": 100.0}, RangeError, "got 100.0"),
    ],
)
def test_what_makes_no_sense_is_refused(base, bins, options, error, message):
    with pytest.raises(error, match=message):
        JoinedSimulator(base, bins, **options)


def test_a_simulator_that_has_such_an_offset_is_refused():
    space = ParameterSpace([*SPACE, Parameter("offset_hst_wfc3", Normal(0, 1))])
    own = TransmissionModel(
        ("H2O", "CO2"), space=space, fixed=FIXED, instruments={"hst_wfc3": (1.0, 2.0)}, grid=GRID
    )
    with pytest.raises(RangeError, match="an offset_hst_wfc3 of its own"):
        JoinedSimulator(own, JOINED)


# The same elsewhere


@pytest.mark.parametrize(
    "again",
    [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy, lambda s: s.replace()],
    ids=["pickled", "copied", "replaced"],
)
def test_made_again_it_is_the_same(joined, again):
    other = again(joined)
    theta = with_offsets(THETA, 50, 60)
    assert other.space == joined.space
    assert other.provenance == joined.provenance
    np.testing.assert_array_equal(other.simulate(theta), joined.simulate(theta))


def test_what_is_replaced_may_be_an_offset_or_the_simulator_s(joined):
    space = ParameterSpace([joined.space[NAMES[1]], joined.space["planet_radius"]])
    values = {"temperature": 1200.0, "log_x_h2o": -3.0, "log_x_co2": -9.0}
    other = joined.replace(space=space, fixed={**FIXED, **values, NAMES[0]: 40.0})
    assert other.space.names == [NAMES[1], "planet_radius"]
    np.testing.assert_array_equal(
        other.simulate([[70.0, 1.1]]), joined.simulate([[1.1, 1200.0, -3.0, -9.0, 40.0, 70.0]])
    )
    without = other.replace(fixed={**FIXED, **values}, grid=GRID[3:9])
    assert NAMES[0] not in without.fixed
    assert without.provenance["instruments"][PRISM.instrument]["offset"] is None
    assert bin_matrix(without, GRID[3:9]).shape[0] == 6
    with pytest.raises(RangeError, match=f"{NAMES[1]} is both free and fixed"):
        other.replace(fixed={**other.fixed, NAMES[1]: 1.0})


def test_its_provenance_can_be_kept(joined):
    told = joined.provenance
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["simulator"] == "builtin"
    assert told["instruments"]["HST WFC3"]["n_bins"] == len(WFC3)
    low, high = told["instruments"]["JWST NIRCam F322W2"]["range_um"]
    assert (low, high) == pytest.approx((2.5, 4.0))
    few = joined.restrict(WFC3.grid).provenance["instruments"]
    assert few["JWST NIRCam F322W2"]["n_bins"] == 0


def test_what_is_no_offset_is_refused(joined):
    theta = with_offsets(THETA, 0, np.inf)
    with pytest.raises(RangeError, match=f"{NAMES[1]} = inf; an offset is a finite"):
        joined.simulate(theta)
    with pytest.raises(RangeError, match=r"of shape \(n, 6\)"):
        joined.simulate(THETA)


class TestOverlapping(SimulatorSuite):
    """The laws of all simulators, where they make sense for several spectra at once."""

    n = 2

    def make(self):
        simulator = TransmissionModel(("H2O", "CO2"), fixed=FIXED, n_layers=20)
        return JoinedSimulator(simulator, JOINED)

    def test_wavelengths_ascend_in_um(self, simulator):
        """Within each instrument."""
        falls = np.flatnonzero(np.diff(simulator.wavelength) <= 0)
        sizes = np.cumsum(
            [np.count_nonzero(bin_matrix(simulator, s.grid).sum(axis=0)) for s in (WFC3, PRISM)]
        )
        np.testing.assert_array_equal(falls + 1, sizes)

    def test_restricted_it_gives_the_same_bins(self, simulator):
        """Bins of its own; others have no instrument."""
        some = GRID[5:17]
        few = simulator.restrict(some)
        assert len(few.wavelength) < len(simulator.wavelength)
        bins = bin_matrix(few, some) @ few.simulate(self.theta(simulator)).T
        assert self.same(bins, bin_matrix(simulator, some) @ self.depth(simulator).T)


class TestApart(TestOverlapping):
    """And where they do not overlap, all wavelengths ascend."""

    def make(self):
        simulator = TransmissionModel(("H2O", "CO2"), fixed=FIXED, n_layers=20)
        return JoinedSimulator(simulator, APART, Normal(0, 100))

    test_wavelengths_ascend_in_um = SimulatorSuite.test_wavelengths_ascend_in_um

    def test_restricted_it_gives_the_same_bins(self, simulator):
        """Within one instrument."""
        few = simulator.restrict(WFC3.grid)
        bins = WFC3.grid.average(few.wavelength, few.simulate(self.theta(simulator)))
        assert self.same(bins, WFC3.grid.average(simulator.wavelength, self.depth(simulator)))


# What uses it


def test_training_sets_have_offsets_and_know_their_molecules(joined):
    data = exosk.simulate_dataset(joined, 40, JOINED, 0, detectability=True)
    assert data.space == joined.space
    assert data.molecules == ("H2O", "CO2")
    assert data.delta_chi2.shape == (40, 2)
    assert data.provenance["instruments"]["HST WFC3"]["n_bins"] == len(WFC3)
    theta = np.array(data.Y)
    theta[:, -2:] = 0
    shift = data.X - simulate_in_bins(joined, GRID)(theta)
    by_instrument = np.column_stack([np.zeros(40), data.Y[:, -2:]])
    np.testing.assert_allclose(shift, 1e-6 * by_instrument[:, OWNER], atol=2e-9)


def test_a_molecule_can_be_taken_out(joined, base):
    theta = with_offsets(THETA, 20, 30)
    without = without_molecule(joined, theta, "H2O")
    np.testing.assert_array_equal(without[:, -2:], theta[:, -2:])
    np.testing.assert_array_equal(without[:, :4], without_molecule(base, THETA, "H2O"))


def test_another_code_is_joined_alike():
    """TauREx has no tensors; its offsets are the same."""
    pytest.importorskip("taurex")
    space = SPACE[:3]
    taurex = get_simulator(
        "taurex", molecules=("H2O",), space=space, fixed=FIXED, grid=GRID, n_layers=20
    )
    joined = JoinedSimulator(taurex, JOINED, Normal(0, 100))
    assert not hasattr(joined, "depth")
    binned, plain = (simulate_in_bins(simulator, GRID) for simulator in (joined, taurex))
    theta = THETA[:1, :3]
    expected = plain(theta) + 1e-6 * np.array([0.0, 40.0, -70.0])[OWNER]
    np.testing.assert_allclose(binned(with_offsets(theta, 40, -70)), expected, rtol=1e-9)
