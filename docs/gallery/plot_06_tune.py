"""
Tune a model
============

Which settings suit? A search of scikit-learn over exosk's pipeline, scored on spectra with noise.
Without noise in the score, the search picks a model for a telescope that nobody has.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import exosk

# %%
# Spectra and a pipeline
# ----------------------
# Training spectra are stored without noise. The pipeline's first step adds it in ``fit`` and
# nowhere else; the second separates shape from level; the third is the model.

instrument = exosk.get_instrument("hst-wfc3-g141")
simulator = exosk.get_simulator("builtin", molecules=("H2O", "CH4"))
data = exosk.simulate_dataset(simulator, 2000, like=instrument, random_state=0)
train, validation, test = data.split(random_state=0)

model = make_pipeline(
    exosk.NoiseInjector(instrument, random_state=0),
    exosk.SpectrumScaler(),
    exosk.ForestRetriever(n_estimators=60, random_state=0),
)

# %%
# The search
# ----------
# How much noise to train with, and how small a leaf may be. Held-out spectra get the instrument's
# noise from ``noisy_scorer``, the same for all candidates; folds keep together what came from one
# spectrum.

factors, leaves = (0.1, 0.5, 1, 2, 5), (2, 5, 15)
settings = {
    "noiseinjector__sigma": [instrument.scaled(factor) for factor in factors],
    "forestretriever__min_samples_leaf": leaves,
}
folds = exosk.ParentKFold(train.parent, n_splits=3)
search = GridSearchCV(
    model,
    settings,
    scoring=exosk.noisy_scorer(["neg_crps", "r2"], instrument),
    refit="neg_crps",
    cv=folds,
    error_score="raise",
)
search.fit(train.X, train.Y)
best = search.best_params_
chosen = np.median(best["noiseinjector__sigma"].sigma / instrument.sigma)
leaf = best["forestretriever__min_samples_leaf"]
print(f"noise {chosen:g} times the instrument's, leaves of {leaf} at least")

# %%
# The same search with a plain score, on held-out spectra without noise:

plain = GridSearchCV(model, settings, scoring="r2", cv=folds, error_score="raise")
plain.fit(train.X, train.Y)
chosen = np.median(plain.best_params_["noiseinjector__sigma"].sigma / instrument.sigma)
print(f"without noise in the score: noise {chosen:g} times the instrument's")


# %%


def table(found, score):
    """Arrange the scores of a search, leaves by noise."""
    means = np.empty((len(leaves), len(factors)))
    for params, value in zip(
        found.cv_results_["params"], found.cv_results_[f"mean_test_{score}"], strict=True
    ):
        factor = np.median(params["noiseinjector__sigma"].sigma / instrument.sigma)
        column = np.argmin(np.abs(np.array(factors) - factor))
        means[leaves.index(params["forestretriever__min_samples_leaf"]), column] = value
    return means


figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
for axis, title, means in (
    (axes[0], "scored with noise", table(search, "r2")),
    (axes[1], "scored without", table(plain, "score")),
):
    image = axis.imshow(means, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(means):
        dark = value > (means.min() + means.max()) / 2
        axis.text(column, row, f"{value:.3f}", ha="center", va="center", color="w" if dark else "k")
    axis.set_xticks(range(len(factors)), [f"{factor:g}" for factor in factors])
    axis.set_yticks(range(len(leaves)), leaves)
    axis.set_xlabel("noise in training (the instrument's = 1)")
    axis.set_title(f"R2, {title}")
axes[0].set_ylabel("smallest leaf")
plt.show()

# %%
# The best of several was chosen for its score, which flatters it. Spectra kept for the end say
# what it is worth, and what the other choice would have cost:

for name, found in (("with noise", search), ("without", plain)):
    kept = exosk.noisy_scorer(["neg_crps", "r2"], instrument, random_state=1)(found, test.X, test.Y)
    print(f"chosen {name:10s} R2 {kept['r2']:.3f}, CRPS {-kept['neg_crps']:.4f}")

# %%
# The search is the model: ``exosk.sample_posterior(search, spectrum)``. :doc:`../tuning` has
# random searches, halving, Optuna, and what to do about molecules.
