"""A tiny Faster R-CNN with hand-set weights, which finds the coloured squares of `small_detector`."""

import keras
import numpy as np

from metricfit.trainers.models.detector.two_stage.faster_rcnn import FasterRCNN

from .small_detector import CLASS_NAMES, SIZE, Cells

PROPOSALS = 24


def square_two_stages(size: int = SIZE, exclusive: bool = False) -> FasterRCNN:
    """Proposes squares of 24 pixels on the grid of 8, and tells red ones (class 0) from blue ones (class 1).

    Far from a square all proposals are equally sure: which of them are kept is left to the last digit.
    """
    keras.utils.set_random_seed(0)
    model = FasterRCNN(
        Cells(size),
        class_names=CLASS_NAMES,
        preprocessing=(1 / 255, 0.0),
        scales_per_octave=1,
        anchor_scale=3.0,
        channels=4,
        proposals=PROPOSALS,
        region_units=4,
        exclusive=exclusive,
    )
    weights = {variable.path: variable for variable in model.variables}
    moving = {path for path in weights if path.endswith(("gamma", "moving_variance"))}
    for path, variable in weights.items():
        if "seed" not in path:
            variable.assign(np.full(variable.shape, path in moving, np.float32))
    # Mean of red minus the others, of blue minus the others, and of all, in every cell of 8 x 8 pixels.
    colours = np.array([[1, -0.5, 0.3, 0], [-0.5, -0.5, 0.3, 0], [-0.5, 1, 0.3, 0]], np.float32) / 64
    weights["P3/kernel"].assign(np.broadcast_to(colours, (8, 8, 3, 4)))
    weights["feature_pyramid/lateral_P3/kernel"].assign(np.eye(4, dtype=np.float32)[None, None])
    centre = np.zeros((3, 3, 4, 4), np.float32)
    centre[1, 1] = np.eye(4)
    for name in ("feature_pyramid/smooth_P3", "objectness_head/hidden0", "proposal_head/hidden0"):
        weights[f"{name}/kernel"].assign(centre)
    # Anchor 1 of each place is the square one, and anchor 0 becomes nearly it and is as sure; a square of 24 pixels
    # fills the 3 x 3 cells around it.
    kernel = np.zeros((3, 3, 4, 3), np.float32)
    kernel[:, :, :2, :2] = 10 / 9
    weights["objectness_head/last/kernel"].assign(kernel)
    weights["objectness_head/last/bias"].assign(np.full(3, -4.0, np.float32))
    rng = np.random.default_rng(0)
    weights["proposal_head/last/kernel"].assign(rng.normal(0, 0.02, (3, 3, 4, 12)).astype(np.float32))
    wider = np.log(2**0.5) / 0.2
    weights["proposal_head/last/bias"].assign(np.float32([0, 0, wider, -wider, *[0] * 8]))
    # Of a region the mean of both colours, and of all, goes to the end; there a colour fills most of a square.
    means = np.broadcast_to(np.eye(4, dtype=np.float32) / 49, (49, 4, 4)).reshape(196, 4)
    weights["classification_head/hidden0/kernel"].assign(means)
    weights["classification_head/hidden1/kernel"].assign(np.eye(4, dtype=np.float32))
    last = np.zeros((4, 2), np.float32)
    last[0, 0] = last[1, 1] = 20
    weights["classification_head/last/kernel"].assign(last)
    weights["classification_head/last/bias"].assign(np.full(2, -10.0, np.float32))
    weights["classification_head/boxes/kernel"].assign(rng.normal(0, 0.1, (4, 4)).astype(np.float32))
    return model
