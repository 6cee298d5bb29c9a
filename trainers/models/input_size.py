"""The same fully convolutional network for an input of another size: of maps, or of boxes."""

from typing import Any

import keras

from ..geometry import InputSize, Size, height_width, input_size

# What layers were built for; without it they are built for what they are given.
_BUILT = ("build_config", "build_input_shape")


def size_of(model: keras.Model) -> InputSize:
    """Give the size of the pictures that a model takes."""
    return input_size(model.input_shape[1:3])


def is_for_one_size(model: keras.Model) -> bool:
    """Tell whether a model has weights for single places of its pictures, which belong nowhere else."""
    return any(isinstance(layer, keras.layers.Flatten) for layer in model._flatten_layers())


def at_size(model: keras.Model, size: InputSize, own: InputSize | None = None) -> keras.Model:
    """Build a model anew for inputs of another size, with copies of its weights; 32 divides its sides.

    Its `own` is told where `input_shape` is no list. ValueError where it then has other weights: the levels of a
    detector have a normalisation each, but share one where two of them are a single place.
    """
    described, own = keras.saving.serialize_keras_object(model), own or size_of(model)
    copy = keras.saving.deserialize_keras_object(_resized(described, height_width(own), height_width(size)))
    copy.set_weights(model.get_weights())
    return copy


def _resized(described: Any, old: Size, new: Size) -> Any:
    """Put `new` for `old` wherever a description speaks of a tensor of pictures' size, and forget inner sizes."""
    if isinstance(described, dict):
        described = {key: _resized(value, old, new) for key, value in described.items() if key not in _BUILT}
        if "layers" in described and "input_layers" not in described:
            # A Sequential needs no input layer; a functional model lists its own.
            described["layers"] = [layer for layer in described["layers"] if layer["class_name"] != "InputLayer"]
        return described
    if isinstance(described, list | tuple):
        if len(described) in (3, 4) and tuple(described[-3:-1]) == old:
            return type(described)([*described[:-3], *new, described[-1]])
        return type(described)(_resized(value, old, new) for value in described)
    return described
