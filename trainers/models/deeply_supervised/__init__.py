"""Saliency networks that have the loss on several maps in training."""
