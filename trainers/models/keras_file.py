"""A .keras file, looked into before Keras builds what it names: layers may be code, and archives may be damaged."""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras

from ..errors import DataError, UsageError, first_line
from .registry import import_builders

_WEIGHTS = "model.weights.h5"
_MEMBERS = {"config.json", "metadata.json", _WEIGHTS}
_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__"}
_OF_FILES = {"StringLookup", "IntegerLookup", "TextVectorization"}  # they read lists of words
_LIBRARIES = ("keras", "keras_cv", "builtins")
_FUNCTIONS = (keras.activations, keras.initializers, keras.losses, keras.metrics, keras.ops, keras.regularizers)
_NO_ARITHMETIC = {"deserialize", "get", "serialize"}  # among those
_CLASS = re.compile(r"[A-Z]\w*|__[a-z_]+__", re.ASCII)
_MOST_INFLATED = 100  # times the bytes in the archive; weights hardly get smaller at all
_LEAST_REFUSED = 1 << 24  # bytes


def load_keras_file(path: Path, *, trust: bool = False) -> keras.Model:
    """Load a .keras file as it was saved, not compiled.

    Raises:
        UsageError: it holds code, and is not trusted; or its layers are of a library that is not known here.
        DataError: it cannot be read.
    """
    # Keras goes on where the sum of the weights is wrong.
    if fault := fault_of(path):
        raise DataError(f"{path} is damaged ({fault}): put a copy in its place, or train or save it again")
    import_builders(_described(path), str(path))  # they register the classes of the project's own models
    try:
        if not trust:
            _refuse_code(path)
            _refuse_other_files(path)
        return keras.saving.load_model(path, compile=False, safe_mode=not trust)
    except UsageError:
        raise
    # A damaged archive, configuration or list of weights ends wherever Keras stumbles, in any kind of error.
    except Exception as error:
        message = f"{path} cannot be read as a Keras model ({first_line(error)}): train or save it again"
        raise DataError(message) from error


def _described(path: Path) -> str:
    """Give the description of a model in the file; empty where there is none, of which Keras says more."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        return archive.read("config.json").decode("utf-8", "replace") if "config.json" in names else ""


def fault_of(path: str | Path) -> str:
    """Say in a few words what is wrong with a `.keras` file, which is a zip archive; empty where its sums are right."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.file_size > max(_LEAST_REFUSED, _MOST_INFLATED * member.compress_size):
                    return f"{member.filename[:80]} in it would fill {member.file_size / 2**30:.1f} GiB"
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        return str(error) or type(error).__name__
    return f"the sum of {bad} is wrong" if bad else ""


def _refuse_code(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename not in _MEMBERS:
                raise UsageError(
                    f"{path} holds {member.filename[:80]!r}, which no model for pictures needs and loading it would "
                    "unpack: load it with --trust if you trust who made it"
                )
        config = json.loads(archive.read("config.json"))
    config = config if isinstance(config, dict) else {}
    # How it was compiled is left alone: losses and optimizers may be anybody's.
    for described in _objects(config | {"compile_config": None}):
        name, module = described.get("class_name"), described.get("module")
        if name in _CODE or name in _OF_FILES:
            what = "code of its own, which loading it would run" if name in _CODE else "lists of words, read from files"
            raise UsageError(
                f"{path} has a {str(name).strip('_')} layer, {what}, and was refused: load it with --trust if you "
                "trust who made it, or save the model without that layer"
            )
        # Keras looks for functions by their own name, for classes by the one that they are registered under.
        registered = described.get("config") if name == "function" else described.get("registered_name")
        if isinstance(registered, str) and keras.saving.get_registered_object(registered) is not None:
            continue
        if isinstance(module, str) and module.partition(".")[0] not in _LIBRARIES:
            raise UsageError(
                f"{path} has a {str(name)[:80]} of {module[:80]}, whose code is not known here: import what registers "
                "it with Keras before, or save the model without it"
            )
        # A name with dots leads elsewhere, and versions of Keras before 3.9 call any function of any module.
        if name == "function" and (
            registered in _NO_ARITHMETIC or not any(hasattr(one, str(registered)) for one in _FUNCTIONS)
        ):
            raise UsageError(
                f"{path} names the function {str(registered)[:80]!r}, which is none of Keras' activations, losses and "
                "the like, and was refused: load it with --trust if you trust who made it"
            )
        if name != "function" and isinstance(module, str) and not _CLASS.fullmatch(str(name)):
            raise UsageError(
                f"{path} names {str(name)[:80]!r} of {module[:80]}, which is no class, and was refused: load it with "
                "--trust if you trust who made it"
            )


def _refuse_other_files(path: Path) -> None:
    """Refuse weights that lie in other files of this machine: Keras 3.8 reads them without a word."""

    def outside(name: str, link: Any) -> str | None:
        found = weights[name] if isinstance(link, h5py.HardLink) else None
        stored = isinstance(found, h5py.Dataset) and (found.external or found.is_virtual)
        return name if stored or isinstance(link, h5py.ExternalLink) else None

    with zipfile.ZipFile(path) as archive:
        if _WEIGHTS not in archive.namelist():
            return
        with h5py.File(io.BytesIO(archive.read(_WEIGHTS))) as weights:
            if (name := weights.visititems_links(outside)) is not None:
                raise ValueError(f"its weights {name[:80]!r} lie in another file")


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Give everything in a configuration that names a class, at any depth."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str):
                yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
