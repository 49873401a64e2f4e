"""
Reproduce a published result
============================

Kreidberg et al. (2015, ApJ 814, 66) found water in WASP-12 b with Hubble's WFC3: at 7 sigma, with
a volume mixing ratio between 1e-5 and 1e-2, and, in chemical equilibrium, a carbon-to-oxygen ratio
of 0.5 (+0.2, -0.3) that is below one at more than 3 sigma. Their thirteen depths come with exosk.
What does it make of them?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

import exosk
from exosk.simulators.binned import simulate_in_bins

# %%
# Water, freely
# -------------
# First water's abundance is free, from 1e-12 to 0.1, and so are clouds and a Rayleigh-like haze.
# Nested sampling gives the posterior and the evidence; ``molecule_odds`` compares the model with
# the same one without water.

spectrum = exosk.load_spectrum("wasp-12b")
print(spectrum.reference)
space, fixed = exosk.space_for_spectrum(spectrum, ("H2O",), fixed={"haze_slope": -4.0})
simulator = exosk.get_simulator("builtin", molecules=("H2O",), space=space, fixed=fixed)
simulator = simulator.restrict(spectrum.grid)


def fit(model, n_live=200):
    """Sample a model's posterior, given the spectrum."""
    likelihood = exosk.gaussian_log_likelihood(model, spectrum)
    return exosk.nested_sample(likelihood, model.space, n_live=n_live, n_eff=1000, random_state=0)


free = fit(simulator)
odds = exosk.molecule_odds(fit, simulator, molecules=("H2O",), full=free)["H2O"]
low, high = free.interval(0.68)[:, space.index("log_x_h2o")]
print(f"log x(H2O): {low:.1f} to {high:.1f} (published: -5 to -2)")

# %%
# In this field a number of sigmas stands for a Bayes factor, by a bound on what a p-value can mean
# (Sellke, Bayarri & Berger 2001; Benneke & Seager 2013). exosk gives the odds themselves, since
# that bound overstates detections. To compare, seven sigma are taken back the same way:

p = 2 * stats.norm.sf(7)
published = -np.log(-np.e * p * np.log(p))
print(f"log odds for water: {odds.log_odds:.2f} +- {odds.error:.2f} (published: {published:.1f})")
print(odds.text)

# %%
# Water is there by either number. They differ because odds depend on priors, and on what else may
# be in the atmosphere: with ``("H2O", "CH4")`` above, methane takes water's place in part, and the
# odds for water fall to some 4e4 : 1.
#
# Carbon and oxygen, in equilibrium
# ---------------------------------
# Next the gases follow from temperature and elements, with a metallicity and a carbon-to-oxygen
# ratio. Ammonia and carbon dioxide change the answer by 0.02 and are left out. No evidence is asked
# for, so that fewer live points do.

gases = ("H2O", "CH4", "CO", "HCN")
space, fixed = exosk.space_for_spectrum(
    spectrum, gases, fixed={"haze_slope": -4.0}, chemistry="equilibrium"
)
chemical = exosk.get_simulator(
    "builtin", molecules=gases, space=space, fixed=fixed, chemistry="equilibrium"
).restrict(spectrum.grid)
equilibrium = fit(chemical, n_live=100)
low, high = equilibrium.interval(0.68)[:, space.index("c_o_ratio")]
rich = equilibrium.weights @ (equilibrium["c_o_ratio"] > 1)
print(f"C/O: {low:.2f} to {high:.2f} (published: 0.2 to 0.7)")
print(f"probability of C/O > 1: {rich:.1e}; before the data {0.5 / 1.4:.2f}")

# %%
# Beside the paper
# ----------------
# Grey is what was published, blue what was found here with other opacities, another code and other
# priors.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained", width_ratios=(1.5, 1, 1))
depth = simulate_in_bins(simulator, spectrum.grid)(free.resample(500, 0))
axes[0].fill_between(
    spectrum.wavelength,
    *(100 * np.quantile(depth, [0.025, 0.975], axis=0)),
    color="#8dbbdc",
    label="95 % of the model",
)
axes[0].errorbar(
    spectrum.wavelength, 100 * spectrum.depth, 100 * spectrum.sigma, fmt="o", color="0.2", ms=4
)
axes[0].set_xlabel("wavelength (µm)")
axes[0].set_ylabel("transit depth (%)")
axes[0].legend(frameon=False)
for axis, posterior, name, label, interval in (
    (axes[1], free, "log_x_h2o", "log x(H2O)", (-5, -2)),
    (axes[2], equilibrium, "c_o_ratio", "C/O", (0.2, 0.7)),
):
    axis.axvspan(*interval, color="0.9", label="published, 1 sigma")
    axis.hist(
        posterior[name],
        bins=40,
        weights=posterior.weights,
        density=True,
        histtype="step",
        color="#0072b2",
        label="here",
    )
    axis.set_xlabel(label)
    axis.set_yticks([])
axes[1].legend(frameon=False, loc="upper left")
plt.show()
