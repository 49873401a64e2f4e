"""Which molecules are in WASP-39 b's atmosphere? A network trained on simulations answers.

python detect_molecules.py --out figures
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import exosk
from exosk.evaluation import evaluate_detector
from exosk.report import save_figure
from exosk.report.detection_figure import plot_curves, plot_reliability

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--n", type=int, default=5000, help="spectra to simulate")
parser.add_argument("--out", type=Path, default=Path("detect_molecules"), help="folder of figures")
arguments = parser.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)

# The observation (JWST NIRSpec PRISM), and what may be in the atmosphere it shows.
spectrum = exosk.load_spectrum("wasp-39b")
molecules = ("H2O", "CO2", "CO", "CH4", "Na", "K", "SO2")
space, fixed = exosk.space_for_spectrum(spectrum, molecules)
simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)

# Atmospheres drawn from the priors, seen in the bins of the observation. Each is simulated without
# each molecule as well, to know which molecules it can show.
data = exosk.simulate_dataset(simulator, arguments.n, spectrum, random_state=0, detectability=True)
train, validation, test = data.split(validation=0.05, random_state=0)

# A molecule is there when its abundance is above 1e-8, and the spectrum shows it. The network sees
# new noise in every epoch.
detector = exosk.MLPDetector(
    augmentation=exosk.NoiseInjector(spectrum), max_epochs=30, n_members=2, random_state=0
)
detector.fit(train.X, train.presence(delta_chi2=9))

# How good is it on spectra that it has not seen, with noise as a telescope has it?
noisy = exosk.NoiseInjector(spectrum, random_state=1).fit_transform(test.X)
evaluation = evaluate_detector(detector, noisy, test.presence(delta_chi2=9), molecules)
save_figure(plot_curves(evaluation), arguments.out / "roc.png")
save_figure(plot_reliability(evaluation), arguments.out / "reliability.png")

probability = detector.predict_proba(spectrum.to_row())[0]
before = train.presence(delta_chi2=9).mean(axis=0)
print("molecule   before  WASP-39 b     AUC    ECE")
for molecule, prior, p in zip(molecules, before, probability, strict=True):
    score = evaluation.metrics()[molecule]
    print(f"{molecule:9s} {prior:7.2f} {p:10.3f} {score['auc']:7.3f} {score['ece']:6.3f}")

figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
place = np.arange(len(molecules))
axis.bar(place, probability, color="#0072b2", label="with the observed spectrum")
axis.scatter(place, before, marker="_", s=600, color="#d55e00", label="before")
axis.set_xticks(place, molecules)
axis.set_ylabel("probability that it is there to see")
axis.set_title(f"{spectrum.name}, {spectrum.instrument}")
axis.set_ylim(0, 1.25)
axis.set_yticks(np.linspace(0, 1, 6))
axis.legend(frameon=False, ncols=2, loc="upper left")
save_figure(figure, arguments.out / "wasp-39b.png")
print(f"figures in {arguments.out}")
