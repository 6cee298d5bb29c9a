"""The papers that several losses are from."""

BERMAN = "Berman et al., The Lovász-Softmax loss, CVPR 2018"
CHEN = "Chen et al., Towards Accurate One-Stage Object Detection with AP-Loss, CVPR 2019"
OKSUZ = "Oksuz et al., A Ranking-based, Balanced Loss Function, NeurIPS 2020"
ZHAO = "Zhao et al., Optimizing the F-measure for Threshold-free Salient Object Detection, ICCV 2019"
