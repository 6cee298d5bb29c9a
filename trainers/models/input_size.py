"""The same fully convolutional network for an input of another size: of maps, or of boxes."""

from typing import Any

import keras

# What layers were built for; without it they are built for what they are given.
_BUILT = ("build_config", "build_input_shape")


def at_size(model: keras.Model, size: int, side: int | None = None) -> keras.Model:
    """Build a model anew for inputs [B, size, size, 3], with copies of its weights; 32 divides the size.

    Its own `side` is told where `input_shape` is no list. ValueError where it then has other weights: the levels of a
    detector have a normalisation each, but share one where two of them are a single place.
    """
    side = side or model.input_shape[1]
    copy = keras.saving.deserialize_keras_object(_resized(keras.saving.serialize_keras_object(model), side, size))
    copy.set_weights(model.get_weights())
    return copy


def _resized(described: Any, old: int, new: int) -> Any:
    """Put `new` for `old` wherever a description speaks of a tensor of pictures' size, and forget inner sizes."""
    if isinstance(described, dict):
        described = {key: _resized(value, old, new) for key, value in described.items() if key not in _BUILT}
        if "layers" in described and "input_layers" not in described:
            # A Sequential needs no input layer; a functional model lists its own.
            described["layers"] = [layer for layer in described["layers"] if layer["class_name"] != "InputLayer"]
        return described
    if isinstance(described, list | tuple):
        if len(described) in (3, 4) and tuple(described[-3:-1]) == (old, old):
            return type(described)([*described[:-3], new, new, described[-1]])
        return type(described)(_resized(value, old, new) for value in described)
    return described
