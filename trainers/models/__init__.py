"""KerasCV builders: backbones and DeepLabV3+."""
