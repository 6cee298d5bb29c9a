"""Settings of predictions that test them."""

from metricfit.app.live.options import PredictOptions


def options_for(folder, *inputs, **changes):
    """Give quiet options for these inputs, with their results in `folder/out`."""
    settings = {"model": "bright.tflite", "inputs": tuple(map(str, inputs)), "out": folder / "out", "quiet": True}
    return PredictOptions(**{**settings, **changes})
