"""Refuses at its import another Keras backend than TensorFlow: the losses are made of TensorFlow's operations."""

import os
import sys


def refuse_others() -> None:
    """Raise ImportError where Keras has another backend, or is going to have one."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if "keras" in sys.modules or backend == "tensorflow":
        # keras is not imported where its backend may be missing
        import keras

        backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ImportError(
            f"metricfit works with Keras' backend tensorflow alone, and {backend} is set: give "
            'KERAS_BACKEND=tensorflow, in the environment or ~/.keras/keras.json ("backend"), before keras is imported'
        )


refuse_others()
