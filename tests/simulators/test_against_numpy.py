"""The transmission model against plain loops written from the equations.

Nothing is shared with the model but the opacity tables and the constants of nature: radii come from
a numerical integration of hydrostatic equilibrium, and many rays are followed through the
atmosphere by Gauss-Legendre quadrature, with pressure as it is at each point. There are no layers.
"""

import itertools

import numpy as np
import pytest
from astropy import constants as const
from scipy.integrate import solve_ivp

from exosk.opacities import get_opacity, rayleigh_h2, rayleigh_he
from exosk.simulators import TransmissionModel
from exosk.spectra import SpectralGrid

MOLECULES = {"H2O": 18.015, "CO2": 44.009, "CO": 28.010, "CH4": 16.043, "Na": 22.990}
HE_H2 = 0.17647
# A few bins from the ultraviolet to the far infrared, with gaps between them. (Beyond 23 um single
# samples of Exo_Transmit's tables jump a hundredfold within half a decade of pressure, which 100
# layers resolve to 1.6 ppm only.)
CENTERS = np.array([0.32, 0.589, 1.4, 2.1, 3.3, 4.4, 7.7, 15.0, 21.0])
GRID = SpectralGrid(CENTERS * 0.997, CENTERS * 1.003)

CLEAR = {
    "planet_radius": 1.1,
    "planet_mass": 0.9,
    "star_radius": 1.2,
    "temperature": 1130.0,
    "log_x_h2o": -3.2,
    "log_x_co2": -5.0,
    "log_x_co": -3.5,
    "log_x_ch4": -6.1,
    "log_x_na": -5.5,
}
CLOUDY = CLEAR | {"log_p_cloud": -2.345, "temperature": 1777.0, "planet_mass": 1.6}
HAZY = CLEAR | {"log_haze": 2.7, "haze_slope": -6.3, "temperature": 640.0}
WATER_WORLD = CLEAR | {"log_x_h2o": np.log10(0.5), "log_x_co2": -1.0, "temperature": 777.0}


def radii(values, log_pressure, mass_of_particle):
    """Integrate d lnP/dr = -mu g / kT from the first pressure to each of them."""
    slope = mass_of_particle * const.G.cgs.value * values["planet_mass"] * const.M_jup.cgs.value
    slope /= const.k_B.cgs.value * values["temperature"]
    result = solve_ivp(
        lambda log_p, r: -(r**2) / slope,
        (log_pressure[0], log_pressure[-1]),
        [values["planet_radius"] * const.R_jup.cgs.value],
        t_eval=log_pressure,
        method="DOP853",
        rtol=1e-13,
    )
    return result.y[0]


def absorption_coefficient(values, wavelength, pressure):
    """In 1/cm, (n_pressures, n_wavelengths); and the mean mass of a particle, in g."""
    temperature = values["temperature"]
    x = {m: 10 ** values[f"log_x_{m.lower()}"] for m in MOLECULES}
    rest = 1 - sum(x.values())
    h2, he = rest / (1 + HE_H2), rest * HE_H2 / (1 + HE_H2)
    mu = sum(x[m] * MOLECULES[m] for m in MOLECULES) + h2 * 2.016 + he * 4.0026
    density = pressure * 1e6 / (const.k_B.cgs.value * temperature)

    half_decades = 10 ** np.linspace(-9, 1, 21)
    absorption = np.zeros((len(pressure), len(wavelength)))
    for molecule in MOLECULES:
        table = get_opacity(molecule).at_pressures(half_decades)
        places = np.searchsorted(table.wavelength, wavelength)
        sigma = table.cross_section(temperature, pressure)[:, places]
        absorption += density[:, None] * x[molecule] * sigma
    for pair, product in (("H2-H2", h2 * h2), ("H2-He", h2 * he)):
        places = np.searchsorted(get_opacity(pair).wavelength, wavelength)
        alpha = get_opacity(pair).coefficient(temperature)[0, places]
        absorption += density[:, None] ** 2 * product * alpha
    absorption += density[:, None] * (h2 * rayleigh_h2(wavelength) + he * rayleigh_he(wavelength))
    if "log_haze" in values:
        haze = 10 ** values["log_haze"] * 5.31e-27 * (wavelength / 0.35) ** values["haze_slope"]
        absorption += density[:, None] * h2 * haze
    return absorption, mu * const.u.cgs.value


def transit_depth(values, wavelength, n_rays=500, top=1e-9, bottom=10.0):
    """Depth by an integral over the closest approach of rays, float64."""
    log_pressure = np.linspace(np.log(bottom), np.log(top), 1501)
    absorption, mass = absorption_coefficient(values, wavelength, np.exp(log_pressure))
    radius = radii(values, log_pressure, mass)
    opaque_below = radius[0]
    if "log_p_cloud" in values:
        deck = np.log([bottom, 10 ** values["log_p_cloud"]])
        opaque_below = radii(values, deck, mass)[-1]
    edges = np.linspace(opaque_below, radius[-1], n_rays + 1)
    node, weight = np.polynomial.legendre.leggauss(200)
    area = np.full(len(wavelength), edges[0] ** 2)
    for low, high in itertools.pairwise(edges):
        closest = (low + high) / 2
        # s = t^2 gathers the points where the density is highest.
        end = (radius[-1] ** 2 - closest**2) ** 0.25
        t = end * (node + 1) / 2
        height = np.interp(np.sqrt(closest**2 + t**4), radius, np.arange(len(radius)))
        k = np.minimum(height.astype(int), len(radius) - 2)
        share = (height - k)[:, None]
        along = absorption[k] ** (1 - share) * absorption[k + 1] ** share
        tau = 2 * (weight * end / 2 * 2 * t) @ along
        area += (high**2 - low**2) * (1 - np.exp(-tau))
    return area / (values["star_radius"] * const.R_sun.cgs.value) ** 2


@pytest.mark.parametrize(
    "values", [CLEAR, CLOUDY, HAZY, WATER_WORLD], ids=["clear", "cloudy", "hazy", "water"]
)
def test_an_integral_without_layers_gives_the_same_depths(values):
    names = ["planet_radius", "temperature"]
    model = TransmissionModel(tuple(MOLECULES), grid=GRID)
    fixed = {name: value for name, value in values.items() if name not in names}
    free = model.space[:1], model.space[2:3]
    space = type(model.space)([free[0][0], free[1][0]])
    assert space.names == names
    model = model.replace(space=space, fixed=fixed)
    depth = model.simulate([[values[name] for name in names]])[0]
    expected = transit_depth(values, model.wavelength)
    assert np.abs(depth - expected).max() < 0.5e-6
    assert np.ptp(expected) > 20e-6  # there is a spectrum to compare
