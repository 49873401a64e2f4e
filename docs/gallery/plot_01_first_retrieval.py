"""
First retrieval
===============

What is the atmosphere of WASP-39 b made of? From its spectrum to abundances, molecules and a
report, with a model that was trained beforehand and is made exact by the simulator.
"""

import tempfile

import matplotlib.pyplot as plt

import exosk
from exosk.pretrained import load_pretrained
from exosk.report import plot_corner, plot_spectrum, write_report

# %%
# The observation
# ---------------
# exosk carries two observed spectra. A spectrum knows its bins, depths and errors, and what was
# published of its planet and star.

spectrum = exosk.load_spectrum("wasp-39b")
print(spectrum)
print({name: spectrum.meta[name] for name in ("star_radius", "planet_mass", "planet_radius")})

# %%
# What it may be made of
# ----------------------
# The priors follow from the system: the star's radius is taken as it is, the planet's mass with
# its error, the abundances from almost nothing to a tenth of the atmosphere. 99 % of each prior:

molecules = load_pretrained("prism").molecules
space, fixed = exosk.space_for_spectrum(spectrum, molecules)
simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
for parameter in space:
    low, high = parameter.prior.distribution.interval(0.99)
    print(f"{parameter.name:15s} {low:7.3g} to {high:<7.3g} {parameter.unit}")

# %%
# Retrieve
# --------
# A normalising flow, trained on any planet seen by this instrument, proposes atmospheres; the
# simulator weighs each by how well it fits. The answer is the simulator's, however good the flow
# is, and the verdict says how well that went.

result = exosk.retrieve(spectrum, simulator, method="pretrained", random_state=0)
for name, row in result.posterior.summary().items():
    interval = f"{row['lower']:9.3f} to {row['upper']:9.3f}"
    print(f"{name:15s} {row['median']:9.3f} {interval} {row['unit']}")
print(result.posterior.meta["verdict"])

# %%
# The data, the model's 68 and 95 % bands, and what is left between them:

plot_spectrum(result)

# %%
# Which molecules are there? The probability that there is more than 1e-8 of a gas, before the data
# and after them. Carbon monoxide and potassium stay open: this spectrum does not tell.

after = [result.molecules[name] for name in molecules]
before = [result.prior_presence[name] for name in molecules]
bars, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
axis.bar(molecules, after, color="#0072b2", label="after the data")
axis.scatter(molecules, before, marker="_", s=500, color="#d55e00", label="before")
axis.set_ylim(0, 1.25)
axis.set_ylabel("probability")
axis.legend(frameon=False, ncols=2, loc="upper left")
plt.show()

# %%
# Three of the parameters, against each other:

names = ["temperature", "log_x_h2o", "log_x_co2"]
some = exosk.Posterior(
    result.posterior.samples[:, [space.index(name) for name in names]],
    exosk.ParameterSpace([space[name] for name in names]),
    result.posterior.weights,
)
plot_corner(some)

# %%
# Can it be believed?
# -------------------
# The fit is not perfect: reduced chi-squared is above one, also with the error that the model
# knows of itself. The likelihood lets all errors be larger by a common factor for that reason.
# Water lies at the upper edge of its prior, which the report says too.

print(f"reduced chi-squared {result.reduced_chi2:.2f}")
print(f"with the model's own error {result.reduced_chi2_with_model_error:.2f}")
print(result.guard["verdict"])

# %%
# A report is one HTML file with all of this; beside it lie the figures and the posterior.

with tempfile.TemporaryDirectory() as folder:
    for kind, path in write_report(result, folder).items():
        print(f"{kind:10s} {path.name} ({path.stat().st_size // 1000} kB)")

# %%
# In a shell, all of it is ``exosk retrieve wasp-39b``.
