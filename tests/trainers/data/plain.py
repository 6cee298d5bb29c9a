"""Augmentations that vary nothing."""

from metricfit.trainers.data.augmentation.settings import Augmentation, BoxAugmentation, LabelAugmentation

NO_AUGMENTATION = Augmentation(flip=False, min_scale=1.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
"""Examples are only resized, as in evaluation."""

NO_LABEL_AUGMENTATION = LabelAugmentation(
    flip=False, min_scale=1.0, max_scale=1.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0
)
"""Pictures have the size of evaluation; where they do not fill the input, their place in it is random."""

NO_BOX_AUGMENTATION = BoxAugmentation(
    flip=False, min_scale=1.0, max_expand=1.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0
)
"""Examples are only fitted to the input, as in evaluation."""
