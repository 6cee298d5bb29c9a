"""Faster R-CNN: proposals, the features of regions, and the second stage that classifies and places them."""
