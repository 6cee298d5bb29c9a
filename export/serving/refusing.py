"""A sentence for what cannot be answered, before anything else looks at it."""

import tensorflow as tf


def refused_unless(condition: tf.Tensor, said: str, value: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
    """Give `given` where the condition holds, and end the call with a sentence and up to 8 of the values otherwise."""
    refusal = tf.raw_ops.Assert(condition=condition, data=[said, value], summarize=8)
    # In eager mode it has been raised by now.
    with tf.control_dependencies([refusal] if refusal is not None else []):
        return tf.identity(given)
