"""Forest or network? Two retrievals of the same spectra, by accuracy and by honesty.

python compare_forest_and_cnn.py --out figures
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

import exosk
from exosk.evaluation import evaluate_retriever
from exosk.report import save_figure
from exosk.report.retriever_figures import plot_coverage, plot_predictions

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--n", type=int, default=8000, help="spectra to simulate")
parser.add_argument(
    "--out", type=Path, default=Path("compare_forest_and_cnn"), help="folder of figures"
)
arguments = parser.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)

# Hot Jupiters with two gases, as the Hubble Space Telescope sees them.
instrument = exosk.get_instrument("hst-wfc3-g141")
simulator = exosk.get_simulator("builtin", molecules=("H2O", "CH4"))
data = exosk.simulate_dataset(simulator, arguments.n, instrument, random_state=0)
train, validation, test = data.split(validation=0.05, random_state=0)
noise = exosk.NoiseInjector(instrument, random_state=0)

models = {
    # Each spectrum three times, with other noise: a forest sees its training set only once.
    "forest": exosk.Replicated(
        make_pipeline(exosk.SpectrumScaler(), exosk.ForestRetriever(n_jobs=2, random_state=0)),
        n_replicates=3,
        augmentation=noise,
        random_state=0,
    ),
    "network": exosk.CNNRetriever(augmentation=noise, max_epochs=30, random_state=0),
}
noisy = exosk.NoiseInjector(instrument, random_state=1).fit_transform(test.X)
evaluations = {}
for name, model in models.items():
    start = time.perf_counter()
    model.fit(train.X, train.Y)
    print(f"{name}: trained in {time.perf_counter() - start:.0f} s")
    evaluations[name] = evaluate_retriever(model, noisy, test.Y)
    save_figure(plot_predictions(evaluations[name]), arguments.out / f"predictions-{name}.png")
    save_figure(plot_coverage(evaluations[name]), arguments.out / f"coverage-{name}.png")

print(f"\n{'':15s} {'R2':>14s} {'NLL':>16s} {'CRPS':>16s} {'in 68 %':>14s}")
print(f"{'parameter':15s}" + 4 * "  forest network")
scores = {name: {row["parameter"]: row for row in e.table()} for name, e in evaluations.items()}
for parameter in data.space.names:
    pairs = [
        f"{scores['forest'][parameter][key]:8.3f} {scores['network'][parameter][key]:7.3f}"
        for key in ("r2", "nll", "crps", "coverage_68")
    ]
    print(f"{parameter:15s}" + "".join(pairs))

figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained", sharey=True)
place = np.arange(len(data.space))
for axis, key, title in zip(
    axes,
    ("r2", "crps", "coverage_68"),
    ("R2", "CRPS (in units of the prior)", "share within the 68 % interval"),
    strict=True,
):
    for shift, (name, color) in zip((0.18, -0.18), (("forest", "#009e73"), ("network", "#0072b2"))):
        values = np.array([scores[name][parameter][key] for parameter in data.space.names])
        if key == "crps":
            values = values / [p.prior.distribution.std() for p in data.space]
        axis.barh(place - shift, values, 0.34, color=color, label=name)
    axis.set_title(title)
axes[2].axvline(0.68, color="0.2", linestyle="--")
axes[0].set_yticks(place, data.space.names)
axes[0].invert_yaxis()
axes[0].legend(frameon=False)
save_figure(figure, arguments.out / "comparison.png")
print(f"figures in {arguments.out}")
