"""What a RetinaNet is put together from: the levels of a backbone, the feature pyramid and the prediction heads."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from ...geometry import Size, input_size, size_text

LEVELS = ("P3", "P4", "P5", "P6", "P7")
PRIOR = 0.01  # what every class scores at the start, so that the many negatives do not drown the first steps


def backbone_levels(backbone: keras.Model, preprocessing: Sequence[Any], policy: Any) -> keras.Model:
    """From pictures to a dict of the maps P3, P4 and P5, preprocessed in a dtype policy; what lies behind P5 goes."""
    outputs = {level: backbone.get_layer(backbone.pyramid_level_inputs[level]).output for level in LEVELS[:3]}
    extractor = keras.Model(backbone.inputs, outputs, name=f"{backbone.name}_levels")
    image = keras.Input(backbone.input_shape[1:], name="image")
    scaled = keras.layers.Rescaling(*preprocessing, dtype=policy, name="preprocessing")(image)
    return keras.Model(image, extractor(scaled), name="features")


class FeaturePyramid(keras.layers.Layer):
    """Feature pyramid (Lin et al., CVPR 2017) from {"P3", "P4", "P5"} to a list of the levels P3 to P7."""

    def __init__(self, channels: int, **more: Any) -> None:
        super().__init__(**more)

        def convolution(name: str, kernel: int, strides: int = 1) -> keras.layers.Conv2D:
            return keras.layers.Conv2D(channels, kernel, strides, "same", name=name, dtype=self.dtype_policy)

        self.lateral = [convolution(f"lateral_{level}", 1) for level in LEVELS[:3]]
        self.smooth = [convolution(f"smooth_{level}", 3) for level in LEVELS[:3]]
        self.down = [convolution(f"down_{level}", 3, strides=2) for level in LEVELS[3:]]

    def call(self, inputs: Mapping[str, keras.KerasTensor]) -> list[keras.KerasTensor]:
        """Compute the levels."""
        merged = [lateral(inputs[level]) for level, lateral in zip(LEVELS, self.lateral)]
        for level in (1, 0):
            # Nearest neighbour; the sides are multiples of each other, since the input's is one of 32.
            merged[level] += keras.ops.repeat(keras.ops.repeat(merged[level + 1], 2, axis=1), 2, axis=2)
        outputs = [smooth(level) for smooth, level in zip(self.smooth, merged)]
        outputs.append(self.down[0](inputs["P5"]))
        outputs.append(self.down[1](keras.ops.relu(outputs[-1])))
        return outputs


class PredictionHead(keras.layers.Layer):
    """A few 3x3 convolutions, the same for all levels, each normalised level by level, and a last one in float32.

    Levels are told apart by the `shapes` (height, width) of their maps. `outputs` is the width of the last convolution;
    `prior` what the sigmoid of every output is at the start, None near one half.
    """

    def __init__(
        self,
        outputs: int,
        *,
        channels: int,
        layers: int,
        shapes: Iterable[Size],
        prior: float | None = None,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.channels, self.shapes = channels, sorted(set(shapes), reverse=True)
        options: dict[str, Any] = {"use_bias": False, "kernel_initializer": "he_normal", "dtype": self.dtype_policy}
        self.hidden = [
            keras.layers.Conv2D(channels, 3, padding="same", name=f"hidden{index}", **options)
            for index in range(layers)
        ]
        self.norms = [
            keras.layers.BatchNormalization(name=f"norm{index}_{size_text(input_size(shape))}", dtype=self.dtype_policy)
            for index in range(layers)
            for shape in self.shapes
        ]
        small = keras.initializers.RandomNormal(stddev=0.01)
        bias = keras.initializers.Constant(-math.log((1 - prior) / prior) if prior else 0.0)
        self.last = keras.layers.Conv2D(
            outputs, 3, padding="same", kernel_initializer=small, bias_initializer=bias, name="last", dtype="float32"
        )

    def build(self, input_shape: tuple) -> None:
        """Make the weights, also of the normalisations that no level has asked for yet."""
        for layer in [*self.hidden, self.last]:
            layer.build(input_shape)
            input_shape = (*input_shape[:3], layer.filters)
        for norm in self.norms:
            norm.build((None, None, None, self.channels))

    def call(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Predict from one level, [B, h, w, channels] to float32 [B, h, w, outputs]."""
        level = self.shapes.index(tuple(inputs.shape[1:3]))
        for layer, norm in zip(self.hidden, self.norms[level :: len(self.shapes)]):
            inputs = keras.ops.relu(norm(layer(inputs), training=training))
        return self.last(inputs)
