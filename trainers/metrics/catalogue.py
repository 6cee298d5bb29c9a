"""What each figure is called, how it is written, and which way is better; docs/measuring.md explains them at length."""

import difflib
from dataclasses import dataclass, replace

from ..errors import UsageError


@dataclass(frozen=True)
class Metric:
    """A figure of a report: a new one is its measure and its entry here."""

    key: str  # its name in `scalars`, logs, JSON and CSV
    heading: str  # its name for people, by itself
    form: str  # how it is written, a format specification
    larger_is_better: bool | None  # None where neither way is
    explained: str  # what it is, in a few words
    narrow: str = ""  # its heading where what stands around it says the rest; by default `heading`

    def __post_init__(self) -> None:
        if not self.narrow:
            object.__setattr__(self, "narrow", self.heading)

    @property
    def title(self) -> str:
        """The heading to stand above a picture: `Band width`, but `mIoU`."""
        word = self.heading.split()[0]
        return self.heading[0].upper() + self.heading[1:] if word.islower() else self.heading

    @property
    def sign(self) -> int:
        """1 where larger is better, -1 where smaller is, 0 where neither is."""
        return {True: 1, False: -1, None: 0}[self.larger_is_better]

    def text(self, value: float) -> str:
        """Write a value."""
        return format(value, self.form)


class _Catalogue(dict[str, Metric]):
    def __missing__(self, key: str) -> Metric:
        near = ", ".join(difflib.get_close_matches(str(key), self, n=3, cutoff=0))
        raise UsageError(f"no metric is called {key!r}: it has no entry in the catalogue; near it are {near}")


# Figures of saliency maps; the equations are the FLoss paper's.
_MAPS = (
    Metric("max_f", "MaxF", ".3f", True, "largest F-measure over the thresholds {0..255}/255 (eq. 10)"),
    Metric("mean_f", "MeanF", ".3f", True, "mean F-measure over the thresholds (eq. 11)"),
    Metric("mae", "MAE", ".3f", False, "mean absolute error"),
    Metric("mean_to_max", "MeanF/MaxF", ".3f", True, "1 when the threshold does not matter"),
    Metric("optimal_threshold", "best threshold", ".2f", None, "lowest threshold with MaxF", "threshold"),
    Metric("band_low", "band from", ".3g", None, "lowest threshold around the best one within 1 % of its score"),
    Metric("band_high", "band to", ".3g", None, "highest threshold around the best one within 1 % of its score", "to"),
    Metric("band_width", "band width", ".3f", True, "how far apart the thresholds within 1 % of MaxF lie"),
    Metric("polarisation", "polarised", ".3f", None, "share of predictions below 0.05 or above 0.95"),
    Metric("f_half", "F at 0.5", ".3f", True, "F at threshold 0.5, which no data have to pick; of boxes F1"),
    Metric("image_iou_half", "image IoU at 0.5", ".3f", True, "mean over the pictures of the IoU at threshold 0.5"),
    Metric("image_iou_picked", "image IoU, thr. of selection", ".3f", True, "at the selection split's threshold"),
    Metric("s_measure", "S-measure", ".3f", True, "structure of objects and regions (Fan et al., ICCV 2017)"),
    Metric("adaptive_e", "adaptive E", ".3f", True, "E-measure at twice each map's mean (Fan et al., IJCAI 2018)"),
    Metric("mean_e", "mean E", ".3f", True, "mean E-measure over the thresholds"),
    Metric("max_e", "max E", ".3f", True, "largest E-measure over the thresholds"),
    Metric("weighted_f", "weighted F", ".3f", True, "F-measure with errors weighted by place (Margolin, CVPR 2014)"),
    Metric("temperature", "best temperature", ".2f", None, "what to divide the logits by for the likeliest labels"),
)
# Of class maps. 0/0 = 1: a class that is neither there nor predicted counts as right.
_CLASSES = (
    Metric("dataset_miou", "mIoU, 0/0 = 1", ".3f", True, "mean IoU of all classes, over all pixels together"),
    Metric("dataset_miou_present", "mIoU", ".3f", True, "mean IoU of the classes there, over all pixels together"),
    Metric("batch_miou", "batch mIoU, 0/0 = 1", ".3f", True, "mean IoU of all classes, by batch"),
    Metric("batch_miou_present", "batch mIoU", ".3f", True, "mean IoU of the classes there, by batch"),
    Metric("image_miou", "image mIoU, 0/0 = 1", ".3f", True, "mean IoU of all classes, by image"),
    Metric("image_miou_present", "image mIoU", ".3f", True, "mean IoU of the classes there, by image"),
    Metric("class_image_miou", "class mIoU", ".3f", True, "of each class over the pictures that have it, averaged"),
    Metric("worst_image_miou", "worst pictures", ".3f", True, "image mIoU of the worst twentieth of the pictures"),
    Metric(
        "worst_class_image_miou", "worst pictures, by class", ".3f", True, "class mIoU of each class's worst twentieth"
    ),
    Metric("boundary_miou", "boundary mIoU", ".3f", True, "mIoU near edges, within 2 % of the diagonal (CVPR 2021)"),
    Metric("expected_miou", "expected mIoU", ".3f", None, "mIoU that the probabilities promise (Nowozin, CVPR 2014)"),
    Metric("pixel_accuracy", "pixel accuracy", ".3f", True, "share of the pixels that are right", "accuracy"),
    Metric("iou", "IoU", ".3f", True, "intersection over union of a class"),
    Metric("decided_iou", "IoU, decided", ".3f", True, "IoU of a class in the class maps of --decision iou"),
    Metric("image_iou", "by picture", ".3f", True, "IoU of a class in a picture, over the pictures that have it"),
    Metric("recall", "recall", ".3f", True, "share of a class's pixels that are found"),
    Metric("precision", "precision", ".3f", True, "share of the pixels found of a class that are right"),
    Metric("share", "of pixels", ".2%", None, "share of the pixels that are of a class"),
)
# Of maps and class maps alike.
_PIXELS = (
    Metric("tempered_ece", "pixel ECE with it", ".3f", False, "pixel ECE of halves by the other half's temperature"),
    Metric("pixel_ece", "pixel ECE", ".3f", False, "how far probabilities are from how often they are right, 15 bins"),
)
# Of the frames of clips, maps and class maps alike.
_CLIPS = (
    Metric("flicker", "flicker", ".4f", False, "1 - IoU of masks of frames in a row, the picture's motion taken out"),
    Metric("mean_flicker", "mean flicker", ".4f", False, "mean flicker over the thresholds {0..255}/255"),
    Metric("blink", "blink", ".3%", False, "share of pixels that change and change back within three frames"),
    Metric("flow_flicker", "flicker by flow", ".4f", False, "flicker by optical flow where the motion is known"),
    Metric("truth_flicker", "of the truth", ".4f", None, "flicker of the true masks, which cannot be undercut"),
    Metric("truth_flow_flicker", "of the truth by flow", ".4f", None, "the same by optical flow"),
    Metric("followed", "followed", ".1%", None, "share of the pixels whose motion from the frame before is known"),
)
# Of boxes; the equations are the aLRP paper's.
_BOXES = (
    Metric("ap", "AP", ".3f", True, "COCO's average precision, over the IoU thresholds .5 to .95"),
    Metric("ap_low", "AP from", ".3f", None, "lower end of AP with 95 % over such pictures (bootstrap)", "from"),
    Metric("ap_high", "AP to", ".3f", None, "upper end of AP with 95 % over such pictures (bootstrap)", "to"),
    Metric("ap50", "AP50", ".3f", True, "average precision at IoU .5"),
    Metric("ap75", "AP75", ".3f", True, "average precision at IoU .75"),
    Metric("ap90", "AP90", ".3f", True, "average precision at IoU .9"),
    Metric("ap_small", "AP small", ".3f", True, "AP of objects of up to 32 x 32 pixels", "small"),
    Metric("ap_medium", "AP medium", ".3f", True, "AP of objects of up to 96 x 96 pixels", "medium"),
    Metric("ap_large", "AP large", ".3f", True, "AP of larger objects", "large"),
    Metric("ar", "AR", ".3f", True, "recall with at most 100 boxes, over the IoU thresholds"),
    Metric("olrp", "oLRP", ".3f", False, "smallest LRP error over the score threshold (eq. 6), 0 is perfect"),
    Metric("olrp_localization", "oLRP: localisation", ".3f", False, "1 - IoU of the true positives", "localisation"),
    Metric("olrp_false_positives", "oLRP: false positives", ".3f", False, "their share of the boxes", "false pos."),
    Metric("olrp_false_negatives", "oLRP: missed", ".3f", False, "share of the objects that are missed", "missed"),
    Metric("lrp", "LRP", ".3f", False, "smallest LRP error with one threshold for all classes"),
    Metric("lrp_threshold", "best LRP threshold", ".3g", None, "lowest threshold with it", "threshold"),
    Metric(
        "lrp_band_low", "LRP band from", ".3g", None, "lowest threshold around it with LRP within 1 % of it", "from"
    ),
    Metric("lrp_band_high", "LRP band to", ".3g", None, "highest threshold around it with LRP within 1 % of it", "to"),
    Metric("f1", "F1", ".3f", True, "largest F1 over the score threshold"),
    Metric("f1_threshold", "best threshold", ".3g", None, "lowest threshold with the largest F1", "threshold"),
    Metric("mean_f1", "mean F1", ".3f", True, "mean F1 over the thresholds {0..255}/255"),
    Metric("rho", "rank correlation", ".2f", True, "of scores with IoU, over the true positives (section 5.2)", "rho"),
    Metric("threshold", "threshold", ".3g", None, "a class's lowest score where its LRP is smallest"),
    Metric("pictures", "pictures", ".0f", None, "how many have a box of the class that counts"),
    Metric("objects", "objects", ".0f", None, "how many boxes of the class count"),
    Metric("right", "found", ".0f", True, "objects met by a box of their class, IoU at least .5, at the thresholds"),
    Metric("mistaken", "taken for another class", ".0f", False, "objects met by a box of another class", "mistaken"),
    Metric("missed", "missed", ".0f", False, "objects that no box meets"),
    Metric("false_finds", "found where nothing is", ".0f", False, "boxes that meet no object", "false finds"),
    Metric("detection_ece", "D-ECE", ".3f", False, "how far scores are from precision (Küppers, CVPRW 2020)"),
    Metric("laece_0", "LaECE_0", ".3f", False, "how far scores are from IoU, in bins of a class (Kuzucu, ECCV 2024)"),
    Metric("laace_0", "LaACE_0", ".3f", False, "how far scores are from IoU, box by box (Kuzucu, ECCV 2024)"),
)
# Of a comparison: what thresholds lose that were chosen on other data. F is F1 where boxes are found.
_TRANSFER = (
    Metric("transferred", "F, thr. of selection", ".3f", True, "F at the best threshold of the selection split"),
    Metric(
        "transfer_loss",
        "F lost by the best threshold of another set",
        ".4f",
        False,
        "mean over the other sets of what F loses by their best threshold",
        "F lost, thr. of others",
    ),
    Metric("worst_transfer_loss", "at worst, best threshold", ".4f", False, "the largest of these losses"),
    Metric(
        "middle_transfer_loss",
        "F lost by the middle of another set's band",
        ".4f",
        False,
        "mean over the other sets of what F loses by the middle of their band",
        "F lost, mid-band of others",
    ),
    Metric("worst_middle_transfer_loss", "at worst, middle of the band", ".4f", False, "the largest of these losses"),
    Metric("f_half_loss", "F lost at threshold 0.5", ".4f", False, "MaxF less F at threshold 0.5"),
)
# Of an exported file, by itself and against the Keras model.
_FILES = (
    Metric("megabytes", "MB", ".2f", False, "size of the file"),
    Metric("latency_ms", "ms", ".1f", False, "time of one picture"),
    Metric("largest_difference", "largest difference", ".1e", False, "of a score", "largest diff."),
    Metric("mean_difference", "mean difference", ".1e", False, "of a score", "mean diff."),
    Metric("largest_score_difference", "largest score difference", ".1e", False, "of a score", "largest score diff."),
    Metric("largest_box_difference", "largest box difference (px)", ".1e", False, "of a box", "largest box diff. (px)"),
    Metric("mean_score_difference", "mean score difference", ".1e", False, "of a score", "mean score diff."),
    Metric("mean_box_difference", "mean box difference (px)", ".1e", False, "of a box", "mean box diff. (px)"),
    *(
        replace(
            one,
            key=f"{one.key}_difference",
            heading=f"{one.heading} difference",
            form="+.4f",
            explained=f"the file's {one.heading} less the Keras model's",
            narrow=f"{one.narrow} diff.",
        )
        for one in (*_MAPS, *_CLASSES, *_PIXELS, *_BOXES)
    ),
)
# What a training logs besides.
_TRAINING = (
    Metric("step_ms", "step, ms", ".0f", None, "median time of a training step in milliseconds"),
    Metric("loss", "loss", ".4f", False, "the loss, with what regularises the weights"),
    Metric("classification_loss", "loss of scores", ".4f", False, "the part of the scores"),
    Metric("localization_loss", "loss of boxes", ".4f", False, "the part of the boxes"),
    Metric("correlation_loss", "loss of correlation", ".4f", False, "1 - correlation of scores and IoU, unweighted"),
    Metric("box_weight", "weight of boxes' loss", ".3g", None, "what the part of the boxes is multiplied by"),
    Metric(
        "rpn_classification_loss", "proposals' loss of scores", ".4f", False, "the same, of the first of two stages"
    ),
    Metric("rpn_localization_loss", "proposals' loss of boxes", ".4f", False, "the same, of the first of two stages"),
    Metric("rpn_box_weight", "weight of proposals' boxes", ".3g", None, "the same, of the first of two stages"),
    Metric("learning_rate", "learning rate", ".3g", None, "of the step, its schedule included"),
)

_ALL = (*_MAPS, *_CLASSES, *_PIXELS, *_CLIPS, *_BOXES, *_TRANSFER, *_FILES, *_TRAINING)
CATALOGUE = _Catalogue({metric.key: metric for metric in _ALL})  # UsageError with the nearest ones for an unknown key


def metrics_of(*keys: str) -> tuple[Metric, ...]:
    """Give entries of the catalogue, in this order: the columns of a table."""
    return tuple(CATALOGUE[key] for key in keys)
