"""The precision that models compute in: set for a while, and from mixed to float32."""

import contextlib
import json
from collections.abc import Iterator

import keras


def in_float32(model: keras.Model) -> keras.Model:
    """The same model computing in float32, as saved and exported ones do; itself when it does so already."""
    description = json.dumps(keras.saving.serialize_keras_object(model))
    plain = description.replace('"mixed_float16"', '"float32"').replace('"mixed_bfloat16"', '"float32"')
    if plain == description:
        return model
    # Whatever code is in it was trusted when the model was loaded.
    copy = keras.saving.deserialize_keras_object(json.loads(plain), safe_mode=False)
    copy.set_weights(model.get_weights())
    return copy


def policy_of(mixed_precision: str) -> str:
    """The dtype policy of a training's `--mixed-precision`: none, float16 or bfloat16."""
    return "float32" if mixed_precision == "none" else f"mixed_{mixed_precision}"


@contextlib.contextmanager
def dtype_policy(policy: str | keras.dtype_policies.DTypePolicy) -> Iterator[None]:
    """Set Keras' global dtype policy inside the block, and put the old one back."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
