"""What a training is told, as frozen data: the fields become the command line's flags. Imports no TensorFlow."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ..calibration.names import MethodName, TargetName
from ..data.augmentation.settings import Augmentation, BoxAugmentation, ColourSettings, LabelAugmentation
from ..models.registry import explained, serving
from .setting_types import (
    Colours,
    Focus,
    MaskThreshold,
    MaxMegapixels,
    NetworkSize,
    RepeatRare,
    ResizeMasks,
    ScanCache,
    Teacher,
    TeacherShare,
)

if TYPE_CHECKING:
    SaliencyModel = str
    SegmentationModel = str
    DetectionModel = str
else:
    # What the registry of networks has for a task.
    SaliencyModel, SegmentationModel, DetectionModel = (
        Annotated[Literal[tuple(serving(task))], tyro.conf.arg(help=explained(task))]
        for task in ("saliency", "segmentation", "detection")
    )


@dataclass(frozen=True)
class RunConfig:
    """What every task's training can be told."""

    data: str = "scenes:train"
    """Training data: a folder, whose layout is recognised, or scenes[:SPLIT], folder:PATH[:SPLIT], voc:PATH[:SPLIT],
    yolo:PATH[:SPLIT], coco:IMAGES,JSON, labelme:PATH[:SPLIT], cvat:PATH[:SPLIT], tfds:NAME[:SPLIT], clips:SOURCE,
    views:SOURCE, packed:DIR or auto:PATH[:SPLIT], or several of these as "A + B"."""
    val: str | None = None
    """Data that pick the best epoch; without it every tenth training example is held out for that."""
    out: str = "runs/latest"
    """The run folder. An interrupted run in it is continued when the settings are the same."""
    config: str | None = None
    """A config.json, of an earlier run say, whose settings are the defaults here."""
    loss: str = ""
    """What is minimised; `metricfit losses` lists them."""
    loss_options: tuple[str, ...] = ()
    """Hyperparameters of the loss as NAME=VALUE, such as beta2=0.8."""
    loss_scope: Literal["global", "replica"] = "global"
    """On several devices or workers, of losses that look at a batch as a whole: global takes the parts of all as one
    batch, so that their number changes nothing; replica lets each look at its own part, and takes the mean."""
    backbone: str = "efficientnet_lite0"
    """efficientnet_lite0, efficientnet_lite1, efficientnet_lite2, mobilenet_v3_small, mobilenet_v3_large, resnet50."""
    weights: str = "auto"
    """First weights of the backbone: none, imagenet, preset:NAME (online) or a path ending in .weights.h5; auto takes
    imagenet where the package that holds them is installed, and none with --init. Of KerasHub's networks preset:NAME
    is one of its presets, also of a whole detector, or the folder of one."""
    init: str | None = None
    """Start from a trained model instead, of the same backbone: a run folder, a .keras file, an exported folder, or the
    name of a model that ships with the program, such as saliency_lite0."""
    trust: bool = False
    """With --init: load a .keras file even where it holds code, such as a Lambda layer."""
    size: NetworkSize = 192
    """The network's input in pixels, multiples of 32: the side of a square, or height x width, such as 256x448 for
    pictures of a camera."""
    batch_size: int = 8
    """Pictures a step; ranking losses rank all of them together."""
    epochs: int = 20
    """How often the model is measured: after each pass over the training data, or --min-epoch-steps where that is more.
    The learning rate falls to zero over all epochs."""
    min_epoch_steps: int = 25
    """Least steps of an epoch: a small set is passed over several times in it. 1 makes each epoch one pass."""
    minutes: float | None = None
    """Stop after this many minutes, at an epoch's end. The learning rate falls over --epochs: plan them to fit."""
    select_by: str | None = None
    """The figure of the selection data that picks the best epoch, by its name in metrics.json; by default max_f of
    saliency (or mean_f), dataset_miou_present of segmentation (or image_miou_present, class_image_miou,
    worst_image_miou, worst_class_image_miou, boundary_miou, pixel_accuracy), ap of detection (or ap50, ap75)."""
    patience: int | None = None
    """Stop when so many epochs in a row were no better than the best one, even if the learning rate has not fallen."""
    checkpoint_steps: int | None = None
    """Steps between two checkpoints, from which a run goes on that was killed; by default five minutes. There is one at
    each epoch's end, too, and when a training is interrupted."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    warmup_share: float = 0.05
    """Share of all steps in which the learning rate rises."""
    weight_decay: float = 1e-4
    """Decoupled weight decay of the kernels; biases and normalisations have none."""
    clip_norm: float | None = 1.0
    """Largest norm of all gradients together; None does not clip."""
    ema: float = 0.0
    """Momentum of an exponential moving average of the weights, such as 0.99; 0 keeps none."""
    mixed_precision: Literal["none", "float16", "bfloat16"] = "none"
    """Compute in half precision; float16 adds loss scaling."""
    jit_compile: bool = False
    """Compile the training step with XLA."""
    strategy: Literal["one", "mirrored", "multi_worker", "tpu"] = "one"
    """Who takes a step: one device; mirrored: all GPUs of this machine; multi_worker: the processes that TF_CONFIG
    lists, on several machines say, each started with this command; tpu: a TPU. --batch-size is that of all together."""
    wait_minutes: float = 10.0
    """With multi_worker: how long the processes wait for each other, to come, and in each step and after each epoch."""
    devices: int | None = None
    """With mirrored: only so many GPUs; without GPUs so many parts of the CPU, to try it."""
    batch_norm: Literal["synchronised", "frozen"] = "synchronised"
    """What pictures are normalised by in training: statistics of the whole batch, of all devices together; or frozen,
    those of the first weights, which suits small batches where there are --weights or --init."""
    on_nan: Literal["stop", "skip", "restore"] = "stop"
    """What to do at a step whose loss, gradients or statistics are no finite numbers, and which is never taken: stop;
    skip it, and name it at the end; or restore the last checkpoint and go on with half the learning rate."""
    restores: int = 3
    """With --on-nan restore: how often at most."""
    augmentation: ColourSettings = field(default_factory=ColourSettings)
    """How training pictures are varied."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    cache_mib: int = 1024
    """Memory for decoded examples, in MiB."""
    data_service: str | None = None
    """grpc://HOST:PORT of a tf.data service, whose workers read and decode packed training data; the training stays the
    same."""
    max_megapixels: MaxMegapixels = None
    scan_cache: ScanCache = True
    skip_bad: bool = False
    """Leave out examples that cannot be used instead of stopping. Where one turns bad while the training runs, the next
    usable one stands in for it, and is named at the end."""
    strict: bool = False
    """Stop at faults that could be repaired, too."""
    overwrite: bool = False
    """Start anew where a run exists."""
    quiet: bool = False
    """No progress bars, warnings and errors only."""


@dataclass(frozen=True)
class SaliencyConfig(RunConfig):
    """Train a saliency model: a picture in, a map of how salient each pixel is out.

    Example: metricfit train saliency --data folder:photos --weights imagenet --loss floss --out runs/photos
    """

    loss: str = "floss"
    focus: Focus = None
    model: SaliencyModel = "deeplab"
    mask_threshold: MaskThreshold = None
    resize_masks: ResizeMasks = False
    beta2: float = 0.3
    """Weight of precision against recall in the F-measure that is reported (the field's 0.3)."""
    init_threshold: float = 0.5
    """With --init: the probability of that model which becomes one half, such as its best threshold."""
    init_logit_scale: float = 1.0
    """With --init: the factor on that model's logits. floss starts well at 8 from a model of lovasz_hinge, whose maps
    are pale."""
    teacher: Teacher = None
    teacher_share: TeacherShare = 0.5
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class SegmentationConfig(RunConfig):
    """Train a segmentation model: a picture in, a class for each pixel out.

    Example: metricfit train segmentation --data folder:streets:train --classes names.txt --ignore 11 --weights imagenet
    --equibatch --out runs/streets
    """

    loss: str = "softmax_cross_entropy"
    fade_from: str | None = None
    """Another loss to begin with, which fades into --loss."""
    fade_epochs: tuple[float, float] | None = None
    """After how many epochs the fading begins and ends; by default after a quarter and three quarters of all."""
    focus: Focus = None
    classes: str | None = None
    """A file with the names of the classes, one a line in the order of the values of the label files. By default what
    the data say: classes.txt in a folder."""
    ignore: tuple[int, ...] = ()
    """Values of the label files that neither train nor count, besides 255 (named, it is surely no class)."""
    colours: Colours = None
    resize_masks: ResizeMasks = False
    equibatch: bool = False
    """Cycle over the classes: of as many patches in a row as there are classes, each has a pixel in at least one."""
    class_weights: Literal["none", "balanced", "log"] = "none"
    """Weights of the classes in the loss, from the training data: balanced (median frequency over frequency) or log
    (1 / ln(1.02 + share of the pixels))."""
    model: SegmentationModel = "deeplab"
    size: NetworkSize = 320
    resizing: Literal["pad", "stretch"] = "pad"
    """pad keeps the picture's aspect and fills the input up; stretch uses all of it."""
    aspp_dilations: tuple[int, ...] = (1, 2, 3)
    """Dilations of the atrous spatial pyramid pooling, in pixels of the stride-32 map."""
    aspp_channels: int | None = None
    """Width of the pyramid pooling; by default what suits the backbone."""
    head_channels: int | None = None
    """Width of the decoder; by default what suits the backbone."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """adamw, or sgd with --momentum; the weight decay of both is decoupled."""
    momentum: float = 0.9
    """Momentum of sgd."""
    schedule: Literal["cosine", "polynomial"] = "cosine"
    """How the learning rate falls; polynomial is (1 - step / steps)^power, without a rise at --warmup-share 0."""
    power: float = 0.9
    """Power of the polynomial schedule."""
    teacher: Teacher = None
    teacher_share: TeacherShare = 0.5
    repeat_rare: RepeatRare = 0.0
    augmentation: LabelAugmentation = field(default_factory=LabelAugmentation)


@dataclass(frozen=True)
class DetectionConfig(RunConfig):
    """Train an object detector: a picture in, boxes with classes and scores out.

    Example: metricfit train detection --data voc:photos:train --weights imagenet --loss alrp --out runs/detector
    """

    loss: str = "alrp"
    box_loss: Literal["giou", "iou", "smooth_l1", "l1"] | None = None
    """What draws the boxes to the objects. By default giou for alrp (which takes giou or iou), varifocal and
    quality_focal, smooth_l1 for others."""
    box_weight: float | None = None
    """Weight of the boxes' part of the loss. Without it aLRP balances itself from epoch to epoch, others take 1. Of
    faster_rcnn, that within each stage."""
    correlation: Literal["none", "concordance", "pearson", "spearman"] = "none"
    """Add 1 - this correlation of the positives' scores with the IoU of their boxes to any loss, so that what is well
    placed scores high. concordance also asks for scores as large as IoUs."""
    correlation_weight: float | None = None
    """Weight of that addition, by default 0.2."""
    model: DetectionModel = "retinanet"
    size: NetworkSize = 384
    resizing: Literal["pad", "stretch"] = "pad"
    """pad keeps the picture's aspect and fills the input up; stretch uses all of it."""
    proposals: int = 256
    """Of faster_rcnn: regions that the second stage looks at in each picture; more find more, and take longer."""
    region_units: int = 256
    """Of faster_rcnn: width of the two layers that look at each region; 1024 is what its paper takes."""
    rpn_weight: float | None = None
    """Of faster_rcnn: weight of the first stage's loss. By default 0.2 for losses that rank, as aLRP's paper has it,
    and 1 for others."""
    assignment: Literal["iou", "atss", "hub"] = "atss"
    """Which anchors are positive: by fixed IoU thresholds, adaptively (ATSS), or, with --model hub:retinanet, as
    KerasHub's label encoder says: by IoU thresholds, which may leave small objects without any."""
    scales_per_octave: int | Literal["auto"] = 1
    """Anchor sizes between one pyramid level and the next, 1 to 3; auto takes the fewest that reach as many objects as
    the best of them, but for one in a hundred."""
    anchor_scale: float | Literal["auto"] = 4.0
    """Side of a level's smallest anchor, in strides of the level; auto takes what leaves the fewest objects of the
    training data without an anchor that overlaps by half."""
    channels: int = 96
    """Width of the feature pyramid and the heads."""
    head_layers: int = 3
    """Convolutions before the last one of each head."""
    max_boxes: int | None = None
    """Most boxes of one picture; by default what the training data have."""
    calibration: MethodName = "isotonic"
    """Make the scores of the trained model mean something, by curves that keep the order of each class, fitted to the
    selection data: isotonic, platt (two numbers) or temperature (one); none leaves them as the loss has made them."""
    calibration_target: TargetName = "precision"
    """What a score then tells: precision, how many of a hundred boxes of that score are right (IoU 0.5 or more), or
    iou, the IoU with an object to be expected, 0 for a false find."""
    repeat_rare: RepeatRare = 0.0
    augmentation: BoxAugmentation = field(default_factory=BoxAugmentation)


CONFIGS: dict[str, type[RunConfig]] = {
    "saliency": SaliencyConfig,
    "segmentation": SegmentationConfig,
    "detection": DetectionConfig,
}
"""Task -> what its training can be told."""
