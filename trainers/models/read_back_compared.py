"""What a network computes whose weights were read back, beside what the file computes that they are from."""

from collections.abc import Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

LARGEST = {False: 0.02, True: 0.5}
"""By whether a file computes with 8 bits, how far apart they may be on average, as a share of how the values vary."""


def check_agrees(content: bytes, picture: np.ndarray, given: Sequence[tuple[int, Sequence[np.ndarray]]]) -> None:
    """Refuse, with ValueError, a network that gives something else than its file for a picture uint8 [1, h, w, 3].

    `given` are tensors of a .tflite file, by their numbers in it, with what the network's layer gives in all its calls:
    of those of the same shape the nearest is meant.
    """
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
    interpreter.invoke()
    scales = {detail["index"]: detail["quantization"] for detail in interpreter.get_tensor_details()}
    apart = []
    for place, calls in given:
        values, (scale, zero) = interpreter.get_tensor(place), scales[place]
        told = (values.astype(np.float32) - zero) * scale if scale else values.astype(np.float32)
        varies = max(float(np.linalg.norm(told - told.mean()) + 1e-3 * np.linalg.norm(told)), 1e-6)
        fitting = [float(np.linalg.norm(one - told)) / varies for one in calls if one.shape == told.shape]
        apart.append(min(fitting, default=np.inf))
    mean = np.mean(apart) if apart else np.inf
    if not mean <= LARGEST[any(scale for place, _ in given for scale in scales[place][:1])]:
        raise ValueError(f"the network would compute something else than the file, {100 * mean:.3g} % off")
