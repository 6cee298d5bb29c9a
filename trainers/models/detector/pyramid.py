"""What a RetinaNet is put together from: the levels of a backbone, the feature pyramid and the prediction heads."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

LEVELS = ("P3", "P4", "P5", "P6", "P7")

PRIOR = 0.01
"""What every class scores at the start, so that the many negatives do not drown the first steps."""


def backbone_levels(backbone: keras.Model, preprocessing: Sequence[Any], policy: Any) -> keras.Model:
    """Put preprocessing before a backbone, and leave out what lies behind its P5.

    Args:
        backbone: a KerasCV backbone.
        preprocessing: factor and offset per channel, or one for all, from 0-255 to what the backbone takes.
        policy: dtype policy of the preprocessing.

    Returns:
        A model from pictures to a dict of the maps P3, P4 and P5.
    """
    outputs = {level: backbone.get_layer(backbone.pyramid_level_inputs[level]).output for level in LEVELS[:3]}
    extractor = keras.Model(backbone.inputs, outputs, name=f"{backbone.name}_levels")
    image = keras.Input(backbone.input_shape[1:], name="image")
    scaled = keras.layers.Rescaling(*preprocessing, dtype=policy, name="preprocessing")(image)
    return keras.Model(image, extractor(scaled), name="features")


@keras.saving.register_keras_serializable(package="metricfit")
class FeaturePyramid(keras.layers.Layer):
    """Feature pyramid (Lin et al., CVPR 2017) from {"P3", "P4", "P5"} to a list of the levels P3 to P7.

    KerasCV's has 256 channels and states P5's size for P6 and P7, so that it fits few input sizes.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        policy = self.dtype_policy

        def convolution(name: str, kernel: int, strides: int = 1) -> keras.layers.Conv2D:
            return keras.layers.Conv2D(channels, kernel, strides, padding="same", name=name, dtype=policy)

        self.lateral = [convolution(f"lateral_{level}", 1) for level in LEVELS[:3]]
        self.smooth = [convolution(f"smooth_{level}", 3) for level in LEVELS[:3]]
        self.down = [convolution(f"down_{level}", 3, strides=2) for level in LEVELS[3:]]

    def build(self, input_shape: Mapping[str, tuple]) -> None:
        """Make the weights."""
        for level, lateral, smooth in zip(LEVELS, self.lateral, self.smooth):
            lateral.build(input_shape[level])
            smooth.build((*input_shape[level][:3], self.channels))
        self.down[0].build(input_shape["P5"])
        self.down[1].build(self.down[0].compute_output_shape(input_shape["P5"]))

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

    def compute_output_shape(self, input_shape: Mapping[str, tuple]) -> list[tuple]:
        """Shapes of the levels P3 to P7."""
        shapes = [(*input_shape[level][:3], self.channels) for level in LEVELS[:3]]
        shapes.append(self.down[0].compute_output_shape(input_shape["P5"]))
        shapes.append(self.down[1].compute_output_shape(shapes[-1]))
        return shapes

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal layer."""
        return {**super().get_config(), "channels": self.channels}


@keras.saving.register_keras_serializable(package="metricfit")
class PredictionHead(keras.layers.Layer):
    """A few 3x3 convolutions, the same for all levels, each normalised level by level, and a last one in float32.

    With normalisation a training of some hundred steps gets further; what is normalised differs from level to level.

    Args:
        outputs: channels of the last convolution.
        channels: of the others.
        layers: how many others.
        sides: sides of the levels' maps, by which the head tells them apart: those of one side share normalisations.
        prior: what the sigmoid of every output is at the start; None starts all outputs near 0.
    """

    def __init__(
        self,
        outputs: int,
        *,
        channels: int,
        layers: int,
        sides: Iterable[int],
        prior: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outputs, self.channels, self.depth, self.prior = outputs, channels, layers, prior
        self.sides = sorted(set(sides), reverse=True)
        policy = self.dtype_policy
        self.hidden = [
            keras.layers.Conv2D(
                channels,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                name=f"hidden{index}",
                dtype=policy,
            )
            for index in range(layers)
        ]
        self.norms = [
            keras.layers.BatchNormalization(name=f"norm{index}_{side}", dtype=policy)
            for index in range(layers)
            for side in self.sides
        ]
        self.last = keras.layers.Conv2D(
            outputs,
            3,
            padding="same",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            bias_initializer=keras.initializers.Constant(-math.log((1 - prior) / prior) if prior else 0.0),
            name="last",
            dtype="float32",
        )

    def build(self, input_shape: tuple) -> None:
        """Make the weights."""
        for layer in self.hidden:
            layer.build(input_shape)
            input_shape = (*input_shape[:3], self.channels)
        for norm in self.norms:
            norm.build((None, None, None, self.channels))
        self.last.build(input_shape)

    def call(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Predict from one level, [B, side, side, channels] to float32 [B, side, side, outputs]."""
        level = self.sides.index(inputs.shape[1])
        for layer, norm in zip(self.hidden, self.norms[level :: len(self.sides)]):
            inputs = keras.ops.relu(norm(layer(inputs), training=training))
        return self.last(inputs)

    def compute_output_spec(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Shape and dtype of the outputs."""
        return keras.KerasTensor((*inputs.shape[:3], self.outputs), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal layer."""
        return {
            **super().get_config(),
            "outputs": self.outputs,
            "channels": self.channels,
            "layers": self.depth,
            "sides": list(self.sides),
            "prior": self.prior,
        }
