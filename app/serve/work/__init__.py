"""From the bytes of a picture to those of an answer: the line, the batches, the threads."""
