"""How the saliency networks with side outputs enlarge their maps and join them."""

import keras

FUSED_LAYER = "fused"  # the layer whose output is the map that is given, where that is a learned sum of all
FINEST_LAYER = "finest"  # the layer whose output is the map that is given, where that is the finest of them


def enlarged(maps: keras.KerasTensor, height: int, name: str) -> keras.KerasTensor:
    """Bring [B, h, w, C] to `height` rows, a multiple of h, bilinearly and in float32."""
    factor = height // maps.shape[1]
    return keras.layers.UpSampling2D(factor, interpolation="bilinear", dtype="float32", name=name)(maps)


def learned_sum(scores: list[keras.KerasTensor], name: str) -> keras.KerasTensor:
    """Sum scores with learned weights, at first their mean: random signs would set the maps against each other."""
    joined = keras.layers.Concatenate(dtype="float32", name=f"{name}_scores")(scores)
    mean = keras.initializers.Constant(1 / len(scores))
    return keras.layers.Conv2D(1, 1, kernel_initializer=mean, dtype="float32", name=name)(joined)


def normalized(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Normalise features over the batch, then cut at 0."""
    return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.BatchNormalization(name=f"{name}_norm")(features))
