"""Settings that several verbs or tasks have, with how they are typed and what `--help` says of them."""

from typing import Annotated

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from ..geometry import InputSize, input_size, size_text

NetworkSize = Annotated[
    InputSize,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT|HxW",
        instance_from_str=lambda typed: input_size(typed[0]),
        is_instance=lambda given: given == input_size(given),
        str_from_instance=lambda size: [size_text(size)],
    ),
]
# How masks and labels are written; the verbs that read data have these, too.
MaskThreshold = Annotated[
    float | None,
    tyro.conf.arg(
        help="Masks with shades, such as grey, JPEG or 16-bit ones: the share of their range from which a pixel is "
        "salient, such as 0.5. Without it such masks are faults."
    ),
]
ResizeMasks = Annotated[
    bool, tyro.conf.arg(help="Bring masks and labels of another size to that of their picture; without it, faults.")
]
Teacher = Annotated[
    str | None,
    tyro.conf.arg(
        help="Learn from a larger model, too: its probabilities for each training picture are mixed into the labels. "
        "As --init: a run folder, a .keras file, an exported folder, or the name of a model that ships with this."
    ),
]
TeacherShare = Annotated[
    float,
    tyro.conf.arg(
        help="With --teacher: its share of each label. With 1 the labels themselves do not count, as where they are "
        "its own (metricfit predict), of pictures that nobody has labelled."
    ),
]
RepeatRare = Annotated[
    float,
    tyro.conf.arg(
        help="Show pictures with rare classes more often: those of a class that fewer than this share of the pictures "
        "have, such as 0.1, come sqrt(this / its share) times (LVIS). 0 shows all alike."
    ),
]
Focus = Annotated[
    str | None,
    tyro.conf.arg(
        metavar="worst=SHARE",
        help="Train by the worst pictures alone: of each batch, that of all devices together unless --loss-scope says "
        "otherwise, those with the largest loss, so large a share of them, rounded up. worst=0.2 takes 2 of 8. For "
        "losses of each picture; those that take the batch as one need --loss-options per_image=True.",
    ),
]
Colours = Annotated[
    str | None,
    tyro.conf.arg(
        help="Labels in colour: a file that maps colours to classes, with R G B NAME in each line, as CSV or JSON, or "
        "CVAT's labelmap.txt."
    ),
]
ScanCache = Annotated[
    bool,
    tyro.conf.arg(
        help="Believe an earlier scan about files whose sizes and times are as they were; --no-scan-cache looks into "
        "all of them anew, and keeps nothing."
    ),
]
MaxMegapixels = Annotated[
    float | None,
    tyro.conf.arg(
        help="Refuse pictures of more megapixels, before they are decoded; by default 179, or what "
        "METRICFIT_MAX_MEGAPIXELS says in the environment."
    ),
]
