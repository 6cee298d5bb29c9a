"""RetinaNet: pyramid, anchors, assignment, loss, and decoding."""
