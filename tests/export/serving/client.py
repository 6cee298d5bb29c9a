"""TensorFlow Serving in a few lines: a SavedModel behind its SignatureDefs, asked with tensors or with JSON."""

import base64
import json

import numpy as np
import tensorflow as tf

DEFAULT = "serving_default"


class Refused(Exception):
    """The server would answer with an error."""


class Server:
    """Loads a folder as TensorFlow Serving does, by its graph and signatures alone, into a session."""

    def __init__(self, path):
        with tf.Graph().as_default() as graph:
            self._session = tf.compat.v1.Session(graph=graph)
            self.signatures = tf.compat.v1.saved_model.load(self._session, ["serve"], str(path)).signature_def

    def predict(self, inputs, signature=DEFAULT, wanted=()):
        """Answer a PredictRequest: TensorProtos by name, and an output filter; gives arrays by name."""
        if signature not in self.signatures:
            raise Refused(f"no signature {signature}")
        definition = self.signatures[signature]
        if set(inputs) != set(definition.inputs):
            raise Refused(f"inputs {sorted(inputs)} where {sorted(definition.inputs)} are expected")
        given = {}
        for name, proto in inputs.items():
            info = definition.inputs[name]
            if proto.dtype != info.dtype:
                raise Refused(f"{name} is of another type")
            array = tf.make_ndarray(proto)
            if not tf.TensorShape(info.tensor_shape).is_compatible_with(array.shape):
                raise Refused(f"{name} has shape {array.shape}")
            given[info.name] = array
        outputs = {name: info for name, info in definition.outputs.items() if not wanted or name in wanted}
        try:
            found = self._session.run({name: info.name for name, info in outputs.items()}, given)
        except tf.errors.InvalidArgumentError as error:
            raise Refused(error.message) from error
        for name, info in outputs.items():
            array = found[name]
            kind = tf.dtypes.as_dtype(info.dtype)
            assert array.dtype == kind.as_numpy_dtype, name
            assert tf.TensorShape(info.tensor_shape).is_compatible_with(array.shape), name
        return found

    def rest(self, body):
        """Answer the body of POST .../models/NAME:predict by the rules of TensorFlow Serving's REST interface."""
        request = json.loads(body)
        signature = request.get("signature_name", DEFAULT)
        infos = self.signatures[signature].inputs
        if "instances" in request:
            rows = request["instances"]
            named = isinstance(rows[0], dict) and set(rows[0]) != {"b64"}
            if not named and len(infos) > 1:
                raise Refused("a plain list for several inputs")
            columns = {name: [row[name] if named else row for row in rows] for name in infos}
        else:
            given = request["inputs"]
            columns = given if isinstance(given, dict) and set(given) != {"b64"} else {next(iter(infos)): given}
        inputs = {name: _proto(values, infos[name].dtype) for name, values in columns.items()}
        found = self.predict(inputs, signature)
        if "inputs" in request:
            listed = {name: _listed(array, name) for name, array in found.items()}
            return json.dumps({"outputs": listed if len(listed) > 1 else next(iter(listed.values()))})
        counts = {len(array) if array.ndim else None for array in found.values()}
        if len(counts) > 1 or None in counts:
            raise Refused("outputs differ in their first dimension, which is that of the instances")
        rows = [{name: _listed(array[index], name) for name, array in found.items()} for index in range(counts.pop())]
        return json.dumps({"predictions": rows if len(found) > 1 else [next(iter(row.values())) for row in rows]})


def _proto(values, kind):
    kind = tf.dtypes.as_dtype(kind)
    return tf.make_tensor_proto(_decoded(values) if kind == tf.string else np.array(values, kind.as_numpy_dtype), kind)


def _decoded(value):
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    return base64.b64decode(value["b64"], validate=True) if isinstance(value, dict) else value.encode()


def _listed(array, name):
    """JSON of an array; strings are base64 where the name ends with _bytes, and must be UTF-8 otherwise."""
    if isinstance(array, bytes):
        return {"b64": base64.b64encode(array).decode()} if name.endswith("_bytes") else array.decode()
    if array.dtype == object:
        return [_listed(one, name) for one in array]
    return array.tolist()
