"""Sums of losses and their fading: the sum, the config, and a training that is continued."""

import keras
import numpy as np
import pytest

from metricfit import losses


def examples():
    rng = np.random.default_rng(0)
    images = rng.normal(0, 1, (8, 3, 4, 3)).astype(np.float32)
    return images, images.argmax(axis=-1).astype(np.int32)


def model_with(loss, jit_compile=False):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3, 4, 3)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=jit_compile)
    return model


def test_the_sum_is_the_sum():
    images, labels = examples()
    logits = images[::-1].copy()
    arguments = {"from_logits": True, "ignore_label": 2}
    parts = [losses.get(name, **arguments)(labels, logits) for name in ("softmax_cross_entropy", "lovasz_softmax")]
    both = losses.combined(softmax_cross_entropy=1.0, lovasz_softmax=0.5, bins=4096, **arguments)
    np.testing.assert_allclose(both(labels, logits), parts[0] + 0.5 * parts[1], rtol=1e-6)
    text = losses.get("softmax_cross_entropy + 0.5*lovasz_softmax", **arguments)
    np.testing.assert_allclose(text(labels, logits), both(labels, logits))
    assert [part.hyperparameters.get("bins") for part in both.parts] == [None, 4096]


def test_parts_keep_their_manners():
    masks, maps = np.ones((2, 3, 3)), np.full((2, 3, 3), 0.25, np.float32)
    both = losses.combined(floss=1.0, cross_entropy=2.0, reduction="none")
    expected = losses.floss(masks, maps) + 2 * losses.cross_entropy(masks, maps)
    np.testing.assert_allclose(both(masks, maps), expected, rtol=1e-6)
    weight = np.array([2.0, 0.5], np.float32)
    np.testing.assert_allclose(both(masks, maps, weight), weight * expected, rtol=1e-6)


def test_bad_sums_are_named():
    with pytest.raises(ValueError, match="unknown loss 'mice': choose one of floss"):
        losses.get("mice+floss")
    with pytest.raises(ValueError, match="no hyperparameter gamma in floss, cross_entropy"):
        losses.combined(floss=1.0, cross_entropy=1.0, gamma=2.0)
    with pytest.raises(ValueError, match=r"'two \* floss' in .* must be a loss, or a number"):
        losses.get("two * floss + cross_entropy")
    with pytest.raises(ValueError, match="loss floss stands twice"):
        losses.get("floss + floss")
    with pytest.raises(ValueError, match="weights must be numbers of at least 0"):
        losses.combined(floss=-1.0)
    with pytest.raises(ValueError, match="weights must hold 1 numbers"):
        losses.Combined([losses.FLoss()], [1.0, 2.0])
    with pytest.raises(ValueError, match="FadeLoss needs a model compiled with a Combined loss"):
        model_with(losses.SoftmaxCrossEntropy(from_logits=True)).fit(
            *examples(), callbacks=[losses.FadeLoss([1.0], steps=2)], verbose=0
        )


def test_round_trip_inside_a_saved_model(tmp_path):
    images, labels = examples()
    model = model_with(losses.combined(softmax_cross_entropy=1.0, lovasz_softmax=0.5, from_logits=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").loss
    assert loaded.get_config() == model.loss.get_config()
    assert float(loaded(labels, model(images))) == float(model.loss(labels, model(images)))


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_a_fade_goes_on_where_it_was(tmp_path, jit_compile):
    images, labels = examples()
    seen = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(model.loss.weights.numpy().tolist())
    )
    fade = losses.FadeLoss([0.0, 2.0], begin=1, steps=4)
    both = losses.combined(softmax_cross_entropy=1.0, lovasz_softmax=0.0, from_logits=True)
    model = model_with(both, jit_compile)
    fit = {"batch_size": 4, "shuffle": False, "verbose": 0}
    model.fit(images, labels, epochs=2, callbacks=[fade, note], **fit)
    model.save(tmp_path / "model.keras")
    continued = model
    for _ in range(2):
        continued.fit(images, labels, epochs=1, callbacks=[fade, note], **fit)
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.loss.weights.numpy().tolist() == [1.0, 0.0]
    uninterrupted, seen[4:] = seen[4:], []
    for _ in range(2):
        model.fit(images, labels, epochs=1, callbacks=[fade, note], **fit)
    assert seen[:4] == [[1, 0], [1, 0], [0.75, 0.5], [0.5, 1]]
    assert seen[4:] == uninterrupted == [[0.25, 1.5], [0, 2], [0, 2], [0, 2]]
    for one, other in zip(continued.get_weights(), model.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_the_step_follows_the_weights():
    images, labels = examples()
    expected = model_with(losses.LovaszSoftmax(from_logits=True))
    expected.fit(images, labels, batch_size=8, epochs=1, verbose=0)
    faded = model_with(losses.combined(softmax_cross_entropy=1.0, lovasz_softmax=0.0, from_logits=True))
    faded.fit(images, labels, batch_size=8, epochs=1, verbose=0, callbacks=[losses.FadeLoss([0.0, 1.0], steps=0)])
    for one, other in zip(expected.get_weights(), faded.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-6)
