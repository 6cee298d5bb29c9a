"""The adapter between losses, which are pure functions, and Keras."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

import keras
import tensorflow as tf

from .anchor_weights import labels_by_weight
from .checks import check_hyperparameters, shape_text
from .label_maps import holds_numbers
from .ranges import read_bytes
from .replicas import Replicas
from .tensors import Tensor

_OF_THE_DATA = ("sample_weight", "one_hot")  # what tells about the labels of a call, and is no hyperparameter


@dataclass(frozen=True)
class LossEntry:
    """One row of the registry."""

    name: str  # what users type
    task: str  # that it serves: saliency, segmentation or detection
    optimises: str  # the quantity that it improves, in a few words
    function: Callable[..., Any]
    loss_class: type["KerasLoss"]
    reference: str  # where its formula is from
    when: dict[str, str]  # for each task that it serves, its own first: in which case to take it

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Name and default value of each hyperparameter."""
        return {parameter.name: parameter.default for parameter in _hyperparameters(self.function)}


class KerasLoss(keras.losses.Loss):
    """A Keras loss over a pure function, whose hyperparameters are its arguments.

    Predictions in half precision are computed in float32. A Keras mask on the predictions is not looked at.
    """

    entry: ClassVar[LossEntry]
    # which of Keras' `floatx` are computed in; float32 for another
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64")

    def __init__(
        self, *, reduction: str | None = "sum_over_batch_size", name: str | None = None, **hyperparameters: Any
    ) -> None:
        # a subclass that is not registered has no entry
        check_hyperparameters(self.entry.name if hasattr(self, "entry") else "", **hyperparameters)
        floatx = keras.config.floatx()
        super().__init__(name=name, reduction=reduction, dtype=floatx if floatx in self.dtypes else "float32")
        self.hyperparameters = hyperparameters

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Compute the reduced loss."""
        # a tensor of its own goes without the mask that a Keras layer may have hung on the predictions
        return super().__call__(y_true, tf.identity(y_pred), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), **self.hyperparameters}


LossT = TypeVar("LossT", bound=KerasLoss)


def keras_loss(
    name: str,
    function: Callable[..., Any],
    task: str,
    optimises: str,
    reference: str,
    *,
    when: str,
    also: dict[str, str] | None = None,
) -> Callable[[type[LossT]], type[LossT]]:
    """Make a subclass of `KerasLoss` the Keras class of `function`, with its arguments; Keras then knows both.

    In which case to take it is said for its own task, and for others that it serves `also`.
    """

    def adapt(loss_class: type[LossT]) -> type[LossT]:
        loss_class.entry = LossEntry(
            name, task, optimises, function, loss_class, reference, {task: when, **(also or {})}
        )
        setattr(loss_class, "__init__", _constructor(loss_class, name, function))  # noqa: B010 - mypy forbids `=`
        register = keras.saving.register_keras_serializable(package="metricfit")
        register(function)  # so that a model compiled with it can be loaded, too
        return cast(type[LossT], register(loss_class))

    return adapt


def _hyperparameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [each for each in parameters if each.kind is each.KEYWORD_ONLY and each.name not in _OF_THE_DATA]


def _constructor(loss_class: type[LossT], name: str, function: Callable[..., Any]) -> Callable[..., None]:
    """Make the constructor of a loss; its signature is what `help()` and notebooks show."""
    this, reduction, own_name, _ = inspect.signature(KerasLoss.__init__).parameters.values()
    parameters = [this, *_hyperparameters(function), reduction, own_name.replace(default=name, annotation=str)]
    signature = inspect.Signature(parameters, return_annotation=None)

    def __init__(self: LossT, **arguments: Any) -> None:
        given = signature.bind(self, **arguments)
        given.apply_defaults()
        super(loss_class, self).__init__(**given.kwargs)

    __init__.__signature__ = signature  # type: ignore[attr-defined]  # what inspect looks for on any callable
    return __init__


class PixelLoss(KerasLoss):
    """A Keras loss over a function of (y_true, y_pred) that gives one value per image.

    `sample_weight` may hold a weight per image, [B] or [B, 1], which multiplies that image's loss, or a weight per
    pixel, [B, H, W] or [B, H, W, 1], which the function takes into its sums. Keras' reductions are over the images.
    """

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Compute the reduced loss: a scalar, or [B] with the reduction "none" or None."""
        image_weight, pixel_weight = _image_or_pixel_weight(sample_weight)
        if not holds_numbers(y_true, y_pred):
            y_true = read_bytes(y_true, self.hyperparameters.get("ignore_label"))  # before Keras makes floats of bytes
        # Keras' reduction takes weights per value: pixel weights travel beside the labels, into the sums
        labels = y_true if pixel_weight is None else {"labels": y_true, "pixel_weight": pixel_weight}
        value = super().__call__(labels, y_pred, image_weight)
        return self._over_replicas(value, y_pred, image_weight) if self.of_each_picture else value

    @property
    def of_each_picture(self) -> bool:
        """Whether each picture has a value."""
        return True

    def _over_replicas(self, value: Tensor, y_pred: Tensor, image_weight: Tensor | None) -> Tensor:
        """Make of what Keras reduces on each replica an equal share of what it would reduce of all pictures at once."""
        replicas = Replicas()
        if replicas.running == 1 or self.reduction in ("none", None):
            return value
        value = tf.reduce_sum(value)  # Keras leaves no picture at all unreduced
        if self.reduction == "sum":
            return replicas.share(value)
        pictures = tf.cast(tf.shape(y_pred)[0], value.dtype)
        if self.reduction == "mean_with_sample_weight" and image_weight is not None:
            pictures = tf.reduce_sum(tf.cast(image_weight, value.dtype))
        # Keras has divided by those of this replica, and by the number of replicas
        own_share = tf.math.divide_no_nan(pictures, replicas.sum(pictures))
        return replicas.share(value * own_share * replicas.running)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of each image, [B]; `y_true` may be a dict of `labels` and `pixel_weight`."""
        labels, weight = (y_true["labels"], y_true["pixel_weight"]) if isinstance(y_true, dict) else (y_true, None)
        return self.entry.function(labels, y_pred, sample_weight=weight, **self.hyperparameters)


class LabelMapLoss(PixelLoss):
    """A Keras loss over a function of (y_true, y_pred) that looks at the pixels of a picture or of the batch together.

    It gives a scalar, or under `per_image` a value per picture; then `sample_weight` may hold a weight per picture, [B]
    or [B, 1]. There are no pixel weights: leave pixels out by `ignore_label`, and weigh classes by `class_weights`.
    """

    def __init__(self, *, class_weights: Any = None, **arguments: Any) -> None:
        super().__init__(class_weights=class_weights, **arguments)
        # as JSON holds them
        if class_weights is not None:
            self.hyperparameters["class_weights"] = [float(weight) for weight in class_weights]
        if isinstance(self.hyperparameters.get("classes"), tuple):
            self.hyperparameters["classes"] = list(self.hyperparameters["classes"])

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Compute the reduced loss: a scalar, or [B] where each picture has one and the reduction is "none" or None."""
        if sample_weight is not None and not self.hyperparameters["per_image"]:
            raise ValueError(f"loss {self.name} takes the batch as one picture, and no sample_weight: set per_image")
        if _image_or_pixel_weight(sample_weight)[1] is not None:
            raise ValueError(f"loss {self.name} takes no pixel weights: mark pixels to leave out by ignore_label")
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of the batch, or of each picture."""
        return self.entry.function(y_true, y_pred, **self.hyperparameters)

    @property
    def of_each_picture(self) -> bool:
        """Whether each picture has a value."""
        return bool(self.hyperparameters["per_image"])


def _image_or_pixel_weight(sample_weight: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Return (weights per image, None) or (None, weights per pixel)."""
    if sample_weight is None:
        return None, None
    weight = tf.convert_to_tensor(sample_weight)
    if weight.shape.rank in (0, 1):
        return weight, None
    if weight.shape.rank == 2 and weight.shape[1] == 1:
        return tf.squeeze(weight, axis=1), None
    if weight.shape.rank in (3, 4):
        return None, weight
    raise ValueError(f"sample_weight must have shape [B] or [B, H, W], got {shape_text(weight.shape)}")


class AnchorLoss(KerasLoss):
    """A Keras loss over a function of (labels, scores) that looks at all entries of a batch together: one scalar.

    Labels are 1 positive, 0 negative, −1 or less ignored, of the shape of the scores, which are raw logits of any
    shape. Every reduction of Keras leaves a scalar as it is. Of several replicas each gives an equal share of it.
    Entries to leave out are labelled −1, or weigh 0 in a `sample_weight` of each anchor, [B, A] or as the scores, whose
    others are all 1, or all one over the number of positives, as KerasHub and KerasCV give them: both mean the same.
    """

    dtypes = ("float32",)
    # what the function is told of each box besides, the key of `y_true`: None, "localization_error", which gets a
    # gradient, or "localization_quality"
    needs: ClassVar[str | None] = None
    # the box loss that draws a detector's boxes beside it, unless another is asked for
    usual_box_loss: ClassVar[str] = "smooth_l1"
    # whether a detector learns from it, or it is an addition to another loss
    trains_alone: ClassVar[bool] = True

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Compute the loss, a scalar; `y_true` is the labels, or a dict of `labels` and what the loss `needs`."""
        if sample_weight is None:
            return super().__call__(y_true, y_pred)
        given = self._given(y_true)
        given["labels"], sound = labels_by_weight(given["labels"], y_pred, sample_weight, self.name)
        return super().__call__(given, y_pred) * sound

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss: the sum of its parts."""
        given = self._given(y_true)
        classification, localization = self.parts(given["labels"], y_pred, given.get(self.needs))
        return classification if localization is None else classification + localization

    @property
    def ranks(self) -> bool:
        """Whether each positive is held against all negatives, instead of each entry against its label."""
        return "max_positives" in self.hyperparameters

    def _given(self, y_true: Tensor) -> dict[Any, Tensor]:
        """Give what is known of the entries, by name."""
        given = dict(y_true) if isinstance(y_true, dict) else {"labels": y_true}
        if given.get("labels") is None:
            raise ValueError(f"y_true of loss {self.name} must be labels, or a dict that holds them as 'labels'")
        return given

    def parts(
        self, labels: Tensor, scores: Tensor, localization: Tensor | None = None, *, one_hot: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Compute the part that trains classes, and the part that trains boxes or None, each a scalar.

        On several replicas these are equal shares of the parts, which add up to them.

        Args:
            labels: 1, 0 and −1, of the shape of `scores`, which are logits.
            localization: what the loss `needs`, of the shape of `scores` or with 1 as its last axis; else ValueError.
            one_hot: as in `ap_loss`.
        """
        arguments = {**self.hyperparameters, **({"one_hot": one_hot} if self.ranks else {})}
        if self.needs is None:
            return self.entry.function(labels, scores, **arguments), None
        if localization is None:
            raise ValueError(
                f"loss {self.name} needs the {self.needs} of each box: give y_true as a dict with that key"
            )
        parts = self.entry.function(labels, scores, localization, **arguments)
        if self.needs == "localization_error":
            classification, boxes = parts
            return classification, boxes
        # a quality gets no gradient: both parts of two train the scores
        return (sum(parts) if isinstance(parts, tuple) else parts), None
