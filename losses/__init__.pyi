"""What type checkers and editors read of `metricfit.losses`; written by `make stub`."""

from collections.abc import Sequence

from .base import AnchorLoss as AnchorLoss
from .base import LossEntry as LossEntry
from .boxes import aligned_giou as aligned_giou
from .boxes import aligned_iou as aligned_iou
from .boxes import giou_error as giou_error
from .boxes import iou_error as iou_error
from .boxes import smooth_l1 as smooth_l1
from .combined import Combined as Combined
from .combined import FadeLoss as FadeLoss
from .deep_supervision import DeepSupervision as DeepSupervision
from .pixelwise.anchor_cross_entropy import AnchorCrossEntropy as _AnchorCrossEntropy
from .pixelwise.anchor_cross_entropy import anchor_cross_entropy as anchor_cross_entropy
from .pixelwise.cross_entropy import BalancedCrossEntropy as _BalancedCrossEntropy
from .pixelwise.cross_entropy import CrossEntropy as _CrossEntropy
from .pixelwise.cross_entropy import SoftmaxCrossEntropy as _SoftmaxCrossEntropy
from .pixelwise.cross_entropy import balanced_cross_entropy as balanced_cross_entropy
from .pixelwise.cross_entropy import cross_entropy as cross_entropy
from .pixelwise.cross_entropy import softmax_cross_entropy as softmax_cross_entropy
from .pixelwise.focal import BinaryFocalLoss as _BinaryFocalLoss
from .pixelwise.focal import binary_focal_loss as binary_focal_loss
from .pixelwise.ohem import CrossEntropyOHEM as _CrossEntropyOHEM
from .pixelwise.ohem import cross_entropy_ohem as cross_entropy_ohem
from .pixelwise.quality_focal import QualityFocalLoss as _QualityFocalLoss
from .pixelwise.quality_focal import quality_focal_loss as quality_focal_loss
from .pixelwise.varifocal import VarifocalLoss as _VarifocalLoss
from .pixelwise.varifocal import varifocal_loss as varifocal_loss
from .ranking.alrp import ALRPLoss as _ALRPLoss
from .ranking.alrp import alrp_loss as alrp_loss
from .ranking.ap import APLoss as _APLoss
from .ranking.ap import AUCLoss as _AUCLoss
from .ranking.ap import ap_loss as ap_loss
from .ranking.ap import auc_loss as auc_loss
from .ranking.correlation import CorrelationLoss as _CorrelationLoss
from .ranking.correlation import correlation_loss as correlation_loss
from .ranking.ndcg import NDCGLoss as _NDCGLoss
from .ranking.ndcg import ndcg_loss as ndcg_loss
from .ranking.rank_sort import RankSortLoss as _RankSortLoss
from .ranking.rank_sort import rank_sort_loss as rank_sort_loss
from .region.class_overlap import DiceSemimetricSoftmax as _DiceSemimetricSoftmax
from .region.class_overlap import JaccardMetricSoftmax as _JaccardMetricSoftmax
from .region.class_overlap import dice_semimetric_softmax as dice_semimetric_softmax
from .region.class_overlap import jaccard_metric_softmax as jaccard_metric_softmax
from .region.dice import Dice as _Dice
from .region.dice import DiceSemimetric as _DiceSemimetric
from .region.dice import dice as dice
from .region.dice import dice_semimetric as dice_semimetric
from .region.floss import FLoss as _FLoss
from .region.floss import LogFLoss as _LogFLoss
from .region.floss import floss as floss
from .region.floss import log_floss as log_floss
from .region.lovasz import LovaszHinge as _LovaszHinge
from .region.lovasz import LovaszSoftmax as _LovaszSoftmax
from .region.lovasz import lovasz_hinge as lovasz_hinge
from .region.lovasz import lovasz_softmax as lovasz_softmax
from .region.lovasz_prox import lovasz_prox as lovasz_prox
from .region.soft_iou import JaccardMetric as _JaccardMetric
from .region.soft_iou import SoftIoU as _SoftIoU
from .region.soft_iou import jaccard_metric as jaccard_metric
from .region.soft_iou import soft_iou as soft_iou
from .region.structure import Structure as _Structure
from .region.structure import structure as structure
from .region.tversky import FocalTversky as _FocalTversky
from .region.tversky import Tversky as _Tversky
from .region.tversky import focal_tversky as focal_tversky
from .region.tversky import tversky as tversky
from .region.unified_focal import UnifiedFocal as _UnifiedFocal
from .region.unified_focal import unified_focal as unified_focal
from .registry import LOSSES as LOSSES
from .registry import combined as combined
from .registry import get as get
from .registry import read_sum as read_sum
from .registry import takes as takes
from .worst_pictures import WorstPictures as WorstPictures

__all__ = [
    "LOSSES",
    "ALRPLoss",
    "APLoss",
    "AUCLoss",
    "AnchorCrossEntropy",
    "AnchorLoss",
    "BalancedCrossEntropy",
    "BinaryFocalLoss",
    "Combined",
    "CorrelationLoss",
    "CrossEntropy",
    "CrossEntropyOHEM",
    "DeepSupervision",
    "Dice",
    "DiceSemimetric",
    "DiceSemimetricSoftmax",
    "FLoss",
    "FadeLoss",
    "FocalTversky",
    "JaccardMetric",
    "JaccardMetricSoftmax",
    "LogFLoss",
    "LossEntry",
    "LovaszHinge",
    "LovaszSoftmax",
    "NDCGLoss",
    "QualityFocalLoss",
    "RankSortLoss",
    "SoftIoU",
    "SoftmaxCrossEntropy",
    "Structure",
    "Tversky",
    "UnifiedFocal",
    "VarifocalLoss",
    "WorstPictures",
    "aligned_giou",
    "aligned_iou",
    "alrp_loss",
    "anchor_cross_entropy",
    "ap_loss",
    "auc_loss",
    "balanced_cross_entropy",
    "binary_focal_loss",
    "combined",
    "correlation_loss",
    "cross_entropy",
    "cross_entropy_ohem",
    "dice",
    "dice_semimetric",
    "dice_semimetric_softmax",
    "floss",
    "focal_tversky",
    "get",
    "giou_error",
    "iou_error",
    "jaccard_metric",
    "jaccard_metric_softmax",
    "log_floss",
    "lovasz_hinge",
    "lovasz_prox",
    "lovasz_softmax",
    "ndcg_loss",
    "quality_focal_loss",
    "rank_sort_loss",
    "read_sum",
    "smooth_l1",
    "soft_iou",
    "softmax_cross_entropy",
    "structure",
    "takes",
    "tversky",
    "unified_focal",
    "varifocal_loss",
]

class ALRPLoss(_ALRPLoss):
    """aLRP as a Keras loss, the sum of the parts of `alrp_loss`; arguments as there."""

    def __init__(
        self,
        *,
        delta: float = 1.0,
        clip_error: bool = False,
        max_positives: int | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "alrp",
    ) -> None: ...

class APLoss(_APLoss):
    """AP-Loss as a Keras loss; arguments as in `ap_loss`."""

    def __init__(
        self,
        *,
        delta: float = 1.0,
        interpolated: bool = False,
        max_positives: int | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "ap",
    ) -> None: ...

class AUCLoss(_AUCLoss):
    """AUC-Loss as a Keras loss; arguments as in `auc_loss`."""

    def __init__(
        self,
        *,
        delta: float = 1.0,
        max_positives: int | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "auc",
    ) -> None: ...

class AnchorCrossEntropy(_AnchorCrossEntropy):
    """Cross-entropy of anchors as a Keras loss; arguments as in `anchor_cross_entropy`."""

    def __init__(
        self,
        *,
        exclusive: bool = False,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "anchor_cross_entropy",
    ) -> None: ...

class BalancedCrossEntropy(_BalancedCrossEntropy):
    """Class-balanced cross-entropy as a Keras loss; arguments as in `balanced_cross_entropy`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_label: float | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "balanced_cross_entropy",
    ) -> None: ...

class BinaryFocalLoss(_BinaryFocalLoss):
    """The focal loss as a Keras loss; arguments as in `binary_focal_loss`."""

    def __init__(
        self,
        *,
        alpha: float = 0.25,
        gamma: float = 2.0,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "focal",
    ) -> None: ...

class CorrelationLoss(_CorrelationLoss):
    """The correlation loss as a Keras loss, to be added to another; arguments as in `correlation_loss`."""

    def __init__(
        self,
        *,
        coefficient: str = "concordance",
        regularization: float = 1.0,
        max_positives: int | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "correlation",
    ) -> None: ...

class CrossEntropy(_CrossEntropy):
    """Binary cross-entropy as a Keras loss; arguments as in `cross_entropy`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_label: float | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cross_entropy",
    ) -> None: ...

class CrossEntropyOHEM(_CrossEntropyOHEM):
    """Cross-entropy with hard-example mining as a Keras loss; arguments as in `cross_entropy_ohem`."""

    def __init__(
        self,
        *,
        negatives_per_positive: float = 3.0,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "cross_entropy_ohem",
    ) -> None: ...

class Dice(_Dice):
    """The Dice loss as a Keras loss; arguments as in `dice`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_label: float | None = None,
        empty_target: str = "paper",
        soft_labels: str = "dot",
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
    ) -> None: ...

class DiceSemimetric(_DiceSemimetric):
    """The Dice semimetric loss as a Keras loss; arguments as in `dice_semimetric`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_label: float | None = None,
        empty_target: str = "paper",
        soft_labels: str = "min",
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice_semimetric",
    ) -> None: ...

class DiceSemimetricSoftmax(_DiceSemimetricSoftmax):
    """The Dice semimetric loss of classes as a Keras loss; arguments as in `dice_semimetric_softmax`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        per_image: bool = False,
        classes: str | Sequence[int] = "present",
        class_weights: Sequence[float] | None = None,
        ignore_label: float | None = None,
        soft_labels: str = "min",
        exclusive: bool | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice_semimetric_softmax",
    ) -> None: ...

class FLoss(_FLoss):
    """FLoss as a Keras loss; arguments as in `floss`."""

    def __init__(
        self,
        *,
        beta2: float = 0.3,
        from_logits: bool = False,
        ignore_label: float | None = None,
        empty_target: str = "paper",
        soft_labels: str = "dot",
        reduction: str | None = "sum_over_batch_size",
        name: str = "floss",
    ) -> None: ...

class FocalTversky(_FocalTversky):
    """The focal Tversky loss as a Keras loss; arguments as in `focal_tversky`."""

    def __init__(
        self,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 1.3333333333333333,
        from_logits: bool = False,
        ignore_label: float | None = None,
        empty_target: str = "paper",
        soft_labels: str = "dot",
        reduction: str | None = "sum_over_batch_size",
        name: str = "focal_tversky",
    ) -> None: ...

class JaccardMetric(_JaccardMetric):
    """The Jaccard metric loss as a Keras loss; arguments as in `jaccard_metric`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_label: float | None = None,
        empty_target: str = "paper",
        soft_labels: str = "min",
        reduction: str | None = "sum_over_batch_size",
        name: str = "jaccard_metric",
    ) -> None: ...

class JaccardMetricSoftmax(_JaccardMetricSoftmax):
    """The Jaccard metric loss of classes as a Keras loss; arguments as in `jaccard_metric_softmax`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        per_image: bool = False,
        classes: str | Sequence[int] = "present",
        class_weights: Sequence[float] | None = None,
        ignore_label: float | None = None,
        soft_labels: str = "min",
        exclusive: bool | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "jaccard_metric_softmax",
    ) -> None: ...

class LogFLoss(_LogFLoss):
    """Log-FLoss as a Keras loss; arguments as in `log_floss`."""

    def __init__(
        self,
        *,
        beta2: float = 0.3,
        from_logits: bool = False,
        ignore_label: float | None = None,
        empty_target: str = "paper",
        soft_labels: str = "dot",
        reduction: str | None = "sum_over_batch_size",
        name: str = "log_floss",
    ) -> None: ...

class LovaszHinge(_LovaszHinge):
    """The Lovász hinge as a Keras loss; arguments as in `lovasz_hinge`."""

    def __init__(
        self,
        *,
        from_logits: bool = True,
        per_image: bool = True,
        classes: str | Sequence[int] = "all",
        class_weights: Sequence[float] | None = None,
        ignore_label: float | None = None,
        method: str = "binned",
        bins: int = 4096,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "lovasz_hinge",
    ) -> None: ...

class LovaszSoftmax(_LovaszSoftmax):
    """Lovász-Softmax as a Keras loss; arguments as in `lovasz_softmax`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        per_image: bool = False,
        classes: str | Sequence[int] = "present",
        class_weights: Sequence[float] | None = None,
        ignore_label: float | None = None,
        method: str = "binned",
        bins: int = 4096,
        exclusive: bool | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "lovasz_softmax",
    ) -> None: ...

class NDCGLoss(_NDCGLoss):
    """NDCG-Loss as a Keras loss; arguments as in `ndcg_loss`."""

    def __init__(
        self,
        *,
        delta: float = 1.0,
        max_positives: int | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "ndcg",
    ) -> None: ...

class QualityFocalLoss(_QualityFocalLoss):
    """The quality focal loss as a Keras loss; arguments as in `quality_focal_loss`."""

    def __init__(
        self,
        *,
        beta: float = 2.0,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "quality_focal",
    ) -> None: ...

class RankSortLoss(_RankSortLoss):
    """Rank & Sort as a Keras loss, the sum of the parts of `rank_sort_loss`; arguments as there."""

    def __init__(
        self,
        *,
        delta: float = 0.5,
        max_positives: int | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "rank_sort",
    ) -> None: ...

class SoftIoU(_SoftIoU):
    """Soft IoU as a Keras loss; arguments as in `soft_iou`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_label: float | None = None,
        empty_target: str = "paper",
        soft_labels: str = "dot",
        reduction: str | None = "sum_over_batch_size",
        name: str = "soft_iou",
    ) -> None: ...

class SoftmaxCrossEntropy(_SoftmaxCrossEntropy):
    """Cross-entropy of the softmax as a Keras loss; arguments as in `softmax_cross_entropy`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        per_image: bool = False,
        class_weights: Sequence[float] | None = None,
        ignore_label: float | None = None,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "softmax_cross_entropy",
    ) -> None: ...

class Structure(_Structure):
    """The structure loss as a Keras loss; arguments as in `structure`."""

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_label: float | None = None,
        soft_labels: str = "dot",
        reduction: str | None = "sum_over_batch_size",
        name: str = "structure",
    ) -> None: ...

class Tversky(_Tversky):
    """The Tversky loss as a Keras loss; arguments as in `tversky`."""

    def __init__(
        self,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
        from_logits: bool = False,
        ignore_label: float | None = None,
        empty_target: str = "paper",
        soft_labels: str = "dot",
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
    ) -> None: ...

class UnifiedFocal(_UnifiedFocal):
    """The unified focal loss as a Keras loss; arguments as in `unified_focal`."""

    def __init__(
        self,
        *,
        focal_weight: float = 0.5,
        delta: float = 0.6,
        gamma: float = 0.5,
        asymmetric: bool = True,
        from_logits: bool = False,
        ignore_label: float | None = None,
        empty_target: str = "paper",
        soft_labels: str = "dot",
        reduction: str | None = "sum_over_batch_size",
        name: str = "unified_focal",
    ) -> None: ...

class VarifocalLoss(_VarifocalLoss):
    """The varifocal loss as a Keras loss; arguments as in `varifocal_loss`."""

    def __init__(
        self,
        *,
        alpha: float = 0.75,
        gamma: float = 2.0,
        scope: str = "global",
        reduction: str | None = "sum_over_batch_size",
        name: str = "varifocal",
    ) -> None: ...
