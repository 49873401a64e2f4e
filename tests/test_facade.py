"""The names that scripts rely on."""

import inspect

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import exosk


@pytest.mark.parametrize("name", exosk.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(exosk, name)
    assert name in dir(exosk)
    if name != "__version__":
        assert value.__name__ == name
        assert inspect.getdoc(value)
        assert value.__module__.startswith("exosk.")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'exosk' has no attribute 'retreive'"):
        exosk.retreive  # noqa: B018
    assert not hasattr(exosk, "simulator")


@pytest.mark.parametrize("name", [name for name in exosk.__all__ if name != "__version__"])
def test_its_home_lists_the_name(name):
    """The facade adds nothing that its module keeps to itself."""
    home = __import__(exosk._HOME[name], fromlist=["__all__"])
    assert name in home.__all__


def test_the_design_s_script_runs(tmp_path):
    """From a name to a saved posterior, with the public names alone."""
    np.random.seed(0)  # noqa: NPY002  (where the script names no seed, scikit-learn uses this one)
    sim = exosk.get_simulator("builtin", molecules=("H2O", "CO2", "CO", "CH4"))
    assert sim.space.sample(3, random_state=0).shape == (3, len(sim.space))
    spectrum = exosk.load_spectrum("wasp-12b")
    data = exosk.simulate_dataset(sim, n=300, like=spectrum, random_state=0)
    assert data.grid == spectrum.grid
    assert data.molecules == ("H2O", "CO2", "CO", "CH4")
    train, validation, test = data.split(random_state=0)
    assert [len(part) for part in (train, validation, test)] == [210, 45, 45]

    model = make_pipeline(
        exosk.NoiseInjector(spectrum.sigma), exosk.SpectrumScaler(), exosk.ForestRetriever()
    )
    model.fit(train.X, train.Y)
    search = GridSearchCV(
        model,
        {"forestretriever__n_estimators": [5, 10]},
        scoring=exosk.noisy_scorer("r2", spectrum.sigma),
        cv=2,
    )
    search.fit(train.X, train.Y)
    posterior = exosk.sample_posterior(model, spectrum, n=10_000)
    assert posterior.space == sim.space
    quantiles = posterior.quantiles([0.16, 0.5, 0.84])
    assert quantiles.shape == (3, len(sim.space))
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert np.isfinite(sim.space.log_prior(posterior.samples)).all()
    posterior.save(tmp_path / "wasp-12b.h5")
    loaded = exosk.Posterior.load(tmp_path / "wasp-12b.h5")
    np.testing.assert_array_equal(loaded.samples, posterior.samples)

    detector = exosk.MoleculeDetector(n_estimators=20).fit(train.X, train.presence())
    assert detector.predict_proba(validation.X).shape == (45, 4)
    # Water was put in at up to a tenth of the atmosphere; the spectrum can tell.
    noisy = exosk.noisy_scorer("r2", spectrum.sigma)
    water = sim.space.index("log_x_h2o")
    radius = sim.space.index("planet_radius")
    for column in (water, radius):
        one = clone(model).fit(train.X, train.Y[:, column])
        assert noisy(one, test.X, test.Y[:, column]) > 0
