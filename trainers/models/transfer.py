"""Weights from one trained model into another whose classes differ."""

import logging
from collections.abc import Iterable, Sequence

import keras
import numpy as np

log = logging.getLogger("metricfit")


def transfer_by_class(
    model: keras.Model, trained: keras.Model, last: Iterable[keras.Variable], new: Sequence[str], old: Sequence[str]
) -> None:
    """Give a model the weights of a trained one; classes are brought together by name, new ones keep their weights.

    `last` are those weights of `model` whose last axis is over its classes (`new`), or over anchors times classes;
    `old` names the trained one's. ValueError where the networks differ.
    """
    if len(trained.weights) != len(model.weights):
        raise ValueError("not the same network")
    if tuple(new) != tuple(old):
        kept, added = ([name for name in new if (name in old) is there] for there in (True, False))
        said = f"of the classes {', '.join(kept) or 'none'} keep{'' if len(kept) > 1 else 's'} what is learnt"
        log.info("first weights: the network's, and %s%s", said, f"; new: {', '.join(added)}" if added else "")
    of_classes = {id(weight) for weight in last}
    values = []
    for variable, value in zip(model.weights, trained.get_weights()):
        if id(variable) in of_classes:
            # Outputs are anchors times classes, class by class.
            kept = keras.ops.convert_to_numpy(variable)
            table = np.array(kept).reshape(*kept.shape[:-1], -1, len(new))
            source = value.reshape(*value.shape[:-1], -1, len(old))
            if table.shape[:-1] != source.shape[:-1]:
                raise ValueError("not the same anchors")
            for index, name in enumerate(new):
                if name in old:
                    table[..., index] = source[..., old.index(name)]
            value = table.reshape(kept.shape)
        values.append(value)
    model.set_weights(values)


def transfer_all_but(model: keras.Model, trained: keras.Model, last: Iterable[keras.Variable]) -> None:
    """Give a model the weights of a trained one whose outputs are others; `last` are those of `model` that stay.

    ValueError where the networks before them differ.
    """
    kept = {id(weight) for weight in last}
    pairs = list(zip(model.weights, trained.weights))
    if len(trained.weights) != len(model.weights):
        raise ValueError("not the same network")
    if any(one.shape != other.shape for one, other in pairs if id(one) not in kept):
        raise ValueError("not the same network up to its last layers")
    log.info("first weights: of another network's backbone, pyramid and heads; their last convolutions begin anew")
    model.set_weights([one if id(one) in kept else other for one, other in pairs])


def transfer_features(model: keras.Model, trained: keras.Model) -> None:
    """Give a detector the backbone of a trained one of another kind, and its feature pyramid where it is as wide.

    ValueError where the backbones differ.
    """
    given = {}
    for name in ("features", "feature_pyramid"):
        own, other = (one.get_layer(name).weights for one in (model, trained))
        if [weight.shape for weight in own] == [weight.shape for weight in other]:
            given[name] = zip(own, other)
    if "features" not in given:
        raise ValueError("not the same backbone")
    for pairs in given.values():
        for own, other in pairs:
            own.assign(other)
    said = (
        "backbone and pyramid; the heads begin"
        if len(given) > 1
        else "backbone; its pyramid is not as wide, which begins"
    )
    log.info("first weights: of another network's %s anew", said)
