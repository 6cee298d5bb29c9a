"""Writes `losses/__init__.pyi`: what type checkers and editors see of the constructors that are made at run time.

python -m tests.losses.stub
"""

import inspect
from pathlib import Path

from metricfit import losses

STUB = Path(losses.__file__).with_suffix(".pyi")
HEAD = '''"""What type checkers and editors read of `metricfit.losses`; written by `make stub`."""

from collections.abc import Sequence

'''


def stub() -> str:
    """Give the text of the stub: every public name, and the constructors of the registered classes."""
    classes = {entry.loss_class.__name__: entry.loss_class for entry in losses.LOSSES.values()}
    imports, bodies = [], []
    names = sorted(losses.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    for name in names:
        public = getattr(losses, name)
        module = getattr(public, "__module__", "metricfit.losses.registry").removeprefix("metricfit.losses")
        imports.append(f"from {module} import {name} as {'_' * (name in classes)}{name}")
    for name, loss_class in sorted(classes.items()):
        signature = str(inspect.signature(loss_class.__init__)).replace("collections.abc.", "")
        doc = inspect.getdoc(loss_class).splitlines()[0]
        bodies.append(f'class {name}(_{name}):\n    """{doc}"""\n\n    def __init__{signature}: ...\n')
    exported = "__all__ = [" + ", ".join(f'"{name}"' for name in names) + "]\n"
    return HEAD + "\n".join([*imports, "", exported, *bodies])


if __name__ == "__main__":
    STUB.write_text(stub())
