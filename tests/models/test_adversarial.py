"""Training a generator against a critic: what gets closer, what repeats, what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy import special, stats

from exosk.exceptions import RangeError
from exosk.models.adversarial import OBJECTIVES, AdversarialPlan, GanNet, train_gan
from exosk.models.nets.aspa import AspaValues
from exosk.models.nets.generators import DenseCritic, DenseGenerator

PLAN = AdversarialPlan(
    objective="wasserstein",
    adversarial_weight=0.1,
    critic_steps=1,
    generator_steps=1,
    n_latent=2,
    learning_rate=3e-3,
    schedule="one-cycle",
    batch_size=64,
    max_epochs=10,
    decay=0.9,
    device="cpu",
    verbose=0,
)


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="module")
def toy() -> tuple[np.ndarray, np.ndarray]:
    """Two bins whose depths go together, and the normal variables that they follow from."""
    z = np.random.default_rng(0).standard_normal((1024, 2))
    return 0.02 + z @ np.array([[3e-4, 1e-4], [0.0, 2e-4]]), z


def net_of(depth: np.ndarray, n_given: int, n_latent: int = 2) -> GanNet:
    torch.manual_seed(0)
    shown = AspaValues(depth.shape[1], 2)
    shown.learn(depth)
    n_made = shown.n_values - n_given
    return GanNet(
        DenseGenerator(n_latent, n_made, (32,)),
        DenseCritic(shown.n_values, (32, 32)),
        shown,
        n_given,
    )


def train(net: GanNet, toy: tuple, seed: int = 0, **changes) -> list[dict]:
    torch.manual_seed(seed)
    plan = dataclasses.replace(PLAN, **changes)
    return train_gan(net, *toy, plan, np.random.RandomState(seed))


def generated(net: GanNet, n: int = 2000) -> np.ndarray:
    """Standardised values of spectra and parameters: all that a critic sees."""
    torch.manual_seed(1)
    with torch.no_grad():
        return net.eval()(torch.randn(n, 2)).numpy()


def distance(net: GanNet, toy: tuple) -> float:
    """Wasserstein's, the mean of many projections onto a line."""
    real, made = net.shown.encode(*toy).numpy(), generated(net)
    directions = np.random.default_rng(2).standard_normal((20, real.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.mean([stats.wasserstein_distance(real @ d, made @ d) for d in directions])


# --- what it learns --------------------------------------------------------------------------


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_generated_spectra_come_to_look_like_real_ones(toy, objective):
    net = net_of(toy[0], 0)
    before = distance(net, toy)
    steps = {"wasserstein": 3, "minimax": 1}[objective]
    train(net, toy, objective=objective, critic_steps=steps, max_epochs=40)
    assert distance(net, toy) < 0.4 * before
    real, made = net.shown.encode(*toy).numpy(), generated(net)
    # Of the bins' structure, which has one sign for each of them, the level, and the parameters.
    assert (abs(made.mean(axis=0) - real.mean(axis=0)) < 0.4).all()
    assert (abs(np.log(made.std(axis=0) / real.std(axis=0))) < 0.4).all()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_spectrum_of_known_parameters_is_reconstructed(toy, objective):
    """Here linear in parameters whose priors are uniform, as a generator sees them."""
    z = toy[1]
    u = special.erf(z / np.sqrt(2))
    depth = 0.02 + u @ np.array([[3e-4, 1e-4, -2e-4], [0.0, 2e-4, 1e-4]])
    net = net_of(depth, 2)
    history = train(net, (depth, z), objective=objective, max_epochs=30)
    losses = [row["reconstruction_loss"] for row in history]
    assert losses[-1] < 0.001 * losses[0]
    with torch.no_grad():
        made, theta = net.eval().decode(torch.tensor(z, dtype=torch.float32))
    # Latent variables that are given are the parameters themselves.
    np.testing.assert_allclose(theta, z, rtol=1e-6)
    assert np.sqrt(((made.numpy() - depth) ** 2).mean()) < 0.05 * depth.std(axis=0).mean()


def test_without_parameters_given_there_is_no_reconstruction(toy):
    history = train(net_of(toy[0], 0), toy, max_epochs=2)
    assert [row["reconstruction_loss"] for row in history] == [None, None]


def test_without_weight_the_critic_is_not_asked(toy):
    net = net_of(toy[0], 2)
    before = [weight.clone() for weight in net.critic.parameters()]
    history = train(net, toy, adversarial_weight=0.0, max_epochs=2)
    assert all(torch.equal(a, b) for a, b in zip(before, net.critic.parameters(), strict=True))
    assert history[0]["critic_loss"] == 0


def test_the_critic_of_wassersteins_objective_has_a_slope_of_one(toy):
    """The penalty holds it there, between generated and real spectra."""
    net = net_of(toy[0], 0)
    train(net, toy, critic_steps=3, max_epochs=40)
    real = net.shown.encode(*toy)[:500]
    between = (0.5 * real + 0.5 * torch.tensor(generated(net, 500))).requires_grad_()
    (gradient,) = torch.autograd.grad(net.critic(between).sum(), between)
    assert float(gradient.norm(dim=1).mean()) < 1.5


# --- how it trains ---------------------------------------------------------------------------


def weights_of(net: GanNet) -> list[torch.Tensor]:
    return [weight.clone() for weight in net.state_dict().values()]


def test_seeds_reproduce(toy):
    nets = [net_of(toy[0], 2) for _ in range(3)]
    histories = [train(net, toy, seed, max_epochs=2) for net, seed in zip(nets, (0, 0, 1))]
    first, same, other = (weights_of(net) for net in nets)
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first, other, strict=True))
    for row, again in zip(*histories[:2], strict=True):
        assert row | {"seconds": 0} == again | {"seconds": 0}


def test_the_last_weights_or_their_running_mean_are_kept(toy):
    """Of a training of few steps: the mean lags behind, and lags more with a longer memory."""
    start = weights_of(net_of(toy[0], 2))
    moved = []
    for decay in (0.0, 0.5, 0.999):
        net = net_of(toy[0], 2)
        train(net, toy, decay=decay, max_epochs=3, schedule="constant")
        moved.append(
            sum(float(((a - b) ** 2).sum()) for a, b in zip(weights_of(net), start, strict=True))
        )
    assert moved[0] > moved[1] > moved[2] > 0


def test_the_running_mean_is_that_of_the_steps(toy):
    """With a decay beyond (k / (k + 10)) each of the first steps has its share."""
    kept = []
    for n_epochs in (1, 2, 3):
        net = net_of(toy[0], 2)
        train(net, toy, decay=0.0, max_epochs=n_epochs, schedule="constant", batch_size=1024)
        kept.append(dict(net.generator.state_dict()))
    mean = net_of(toy[0], 2)
    expected = {k: v.clone() for k, v in mean.generator.state_dict().items()}
    train(mean, toy, decay=0.999, max_epochs=3, schedule="constant", batch_size=1024)
    for step, weights in enumerate(kept, start=1):
        share = step / (step + 10)
        for name in expected:
            expected[name] = share * expected[name] + (1 - share) * weights[name]
    for name, weight in mean.generator.state_dict().items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-6)


def test_a_history_of_every_epoch_and_progress(toy):
    told = []
    history = train_gan(
        net_of(toy[0], 2),
        *toy,
        dataclasses.replace(PLAN, max_epochs=5),
        np.random.RandomState(0),
        told.append,
    )
    assert told == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    assert set(history[0]) == {
        "epoch",
        "critic_loss",
        "generator_loss",
        "reconstruction_loss",
        "learning_rate",
        "seconds",
    }
    rates = [row["learning_rate"] for row in history]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-9
    constant = train(net_of(toy[0], 2), toy, schedule="constant", max_epochs=2)
    assert {row["learning_rate"] for row in constant} == {PLAN.learning_rate}


def test_it_tells_of_an_epoch_if_asked(toy, capsys):
    train(net_of(toy[0], 2), toy, max_epochs=1)
    assert not capsys.readouterr().out
    train(net_of(toy[0], 2), toy, max_epochs=2, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2  critic_loss ")


@pytest.mark.parametrize("n", [2, 3, 63, 65])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_sets_smaller_than_a_batch_or_hardly_larger_are_trained_on(toy, n, objective):
    few = toy[0][:n], toy[1][:n]
    history = train(net_of(few[0], 0), few, objective=objective, max_epochs=2)
    assert np.isfinite([row["critic_loss"] for row in history]).all()


def test_a_single_spectrum_is_refused(toy):
    with pytest.raises(RangeError, match="two spectra or more, got 1"):
        train(net_of(toy[0], 2), (toy[0][:1], toy[1][:1]))


def test_a_loss_that_is_no_number_ends_it_with_a_word(toy):
    wild = toy[0].copy()
    wild[5, 0] = np.nan
    with pytest.raises(RangeError, match=r"no longer a number in epoch 1 .* learning rate"):
        train(net_of(toy[0], 2), (wild, toy[1]), batch_size=1024)
