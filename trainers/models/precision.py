"""From a model of mixed precision to the same model in float32."""

import json

import keras


def in_float32(model: keras.Model) -> keras.Model:
    """The same model computing in float32, as saved and exported ones do; itself when it does so already."""
    description = json.dumps(keras.saving.serialize_keras_object(model))
    plain = description.replace('"mixed_float16"', '"float32"').replace('"mixed_bfloat16"', '"float32"')
    if plain == description:
        return model
    copy = keras.saving.deserialize_keras_object(json.loads(plain))
    copy.set_weights(model.get_weights())
    return copy
