"""Which settings suit a convolutional network? A search over them, scored with noise.

python tune_cnn.py --out figures
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from scipy.stats import loguniform
from sklearn.model_selection import RandomizedSearchCV

import exosk
from exosk.report import save_figure

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--n", type=int, default=4000, help="spectra to simulate")
parser.add_argument("--candidates", type=int, default=8, help="settings to try")
parser.add_argument("--out", type=Path, default=Path("tune_cnn"), help="folder of figures")
arguments = parser.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)

# Hot Jupiters with water and methane, as the Hubble Space Telescope sees them.
instrument = exosk.get_instrument("hst-wfc3-g141")
simulator = exosk.get_simulator("builtin", molecules=("H2O", "CH4"))
data = exosk.simulate_dataset(simulator, arguments.n, instrument, random_state=0)
train, validation, test = data.split(random_state=0)

# The spectra are free of noise: the network adds it anew in every epoch, and the score must add it
# too. A score on clean spectra would choose settings for a telescope that nobody has.
noise = exosk.NoiseInjector(instrument)
score = exosk.noisy_scorer(["neg_nll", "r2"], instrument)
search = RandomizedSearchCV(
    exosk.CNNRetriever(augmentation=noise, hidden=(64,), random_state=0),
    {
        "learning_rate": loguniform(5e-4, 2e-2),
        "batch_size": [64, 256],
        "max_epochs": [10, 30],
        "filters": [(16, 32), (32, 64), (16, 32, 32)],
    },
    n_iter=arguments.candidates,
    scoring=score,
    refit="neg_nll",
    cv=2,
    n_jobs=2,
    random_state=0,
    error_score="raise",
)
search.fit(train.X, train.Y)

results = search.cv_results_
print("log density (nats)     R2   seconds  settings")
for k in results["rank_test_neg_nll"].argsort():
    settings = ", ".join(
        f"{name} {value:.4f}" if name == "learning_rate" else f"{name} {value}"
        for name, value in results["params"][k].items()
    )
    print(
        f"{results['mean_test_neg_nll'][k]:18.3f} {results['mean_test_r2'][k]:6.3f} "
        f"{results['mean_fit_time'][k]:9.1f}  {settings}"
    )

# The best of several was chosen for its score, so its score flatters it. These spectra were kept.
kept = exosk.noisy_scorer(["neg_nll", "r2"], instrument, random_state=1)(search, test.X, test.Y)
print(f"best, on spectra kept for the end: log density {kept['neg_nll']:.3f}, R2 {kept['r2']:.3f}")

figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
for epochs, marker, color in ((10, "o", "#0072b2"), (30, "s", "#d55e00")):
    chosen = results["param_max_epochs"] == epochs
    rate, value = results["param_learning_rate"][chosen], results["mean_test_neg_nll"][chosen]
    axis.scatter(rate.astype(float), value, marker=marker, color=color, label=f"{epochs} epochs")
axis.set_xscale("log")
axis.set_xlabel("learning rate")
axis.set_ylabel("mean log density of the truth (nats)")
axis.set_title("CNNRetriever, HST WFC3: higher is better")
axis.legend(frameon=False, loc="center left")
save_figure(figure, arguments.out / "search.png")
print(f"figure in {arguments.out}")
