"""What each worker of a cluster on this machine is told: who the others are, and which GPUs are its own."""

import contextlib
import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from ...trainers.errors import UsageError
from ...trainers.text import counted

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Find ports on which nobody listens."""
    with contextlib.ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind((HOST, 0))
        return [listener.getsockname()[1] for listener in listeners]


def environments(ports: Sequence[int], gpus: Sequence[str]) -> list[dict[str, str]]:
    """Give what the environment of each worker has beside that of this process.

    Args:
        ports: of the workers, the first of whom writes what is kept.
        gpus: all there are, by the names that CUDA_VISIBLE_DEVICES takes; they are dealt out in equal parts.
    """
    addresses, each = [f"{HOST}:{port}" for port in ports], len(gpus) // len(ports)
    if gpus and not each:
        raise UsageError(
            f"--workers {len(ports)} is more than the {counted(len(gpus), 'GPU')} of this machine: give fewer, or set "
            "CUDA_VISIBLE_DEVICES= to try it on the CPU"
        )
    return [
        {
            "TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}),
            **({"CUDA_VISIBLE_DEVICES": ",".join(gpus[index * each : (index + 1) * each])} if gpus else {}),
        }
        for index in range(len(ports))
    ]


def visible_gpus() -> list[str]:
    """Give the GPUs that a process of this one would see, as its driver and the environment tell."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is not None:
        return [name.strip() for name in told.split(",") if name.strip() not in ("", "-1")]
    return [str(index) for index, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*"))]
