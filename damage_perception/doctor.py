"""What this machine has of what the package uses, what it lacks, and the mend."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from damage_perception.ros.transport import image_transport
from damage_perception.security.check import examine_security
from damage_perception.share import default_model_card

State = Literal["ok", "warning", "missing"]

# Fast DDS takes 35 MB of it for each process with the profile for large images.
SHARED_MEMORY: Final = Path("/dev/shm")
MIN_SHARED_MEMORY_BYTES: Final = 256 * 1024**2

# In a process of its own: a module that was built for another NumPy may crash.
_PROBE: Final = """
import importlib, importlib.metadata, sys
name = sys.argv[1]
version = getattr(importlib.import_module(name), "__version__", "")
try:
    print(version or importlib.metadata.version(name.partition(".")[0]))
except importlib.metadata.PackageNotFoundError:
    print("installed")
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    state   ok; warning: what detail says does not work, the rest does; missing: most does not
    detail  what was found
    mend    what to do, empty where the state is ok
    """

    name: str
    state: State
    detail: str
    mend: str = ""


@dataclass(frozen=True)
class Module:
    """A Python module that the package uses.

    module   what is imported
    serves   what does not work without it
    absent   state of the finding where it cannot be imported
    oldest   lowest version that the package is tested with, empty where none is known
    for_gpu  of no use without an NVIDIA GPU
    """

    name: str
    module: str
    serves: str
    mend: str
    absent: State = "warning"
    oldest: str = ""
    for_gpu: bool = False


_DEPLOYMENT: Final = "install TensorRT and pycuda as docs/deployment.md says"
_SOURCE: Final = "source the ROS 2 workspace; without ROS, run `make env` in a checkout"
_EVALUATION: Final = "pip install matplotlib scikit-learn"
_ROBOT: Final = "pip install -r requirements/robot.txt, in a checkout"
_TRAINING: Final = "run `make training` in a checkout"

MODULES: Final = (
    Module("numpy", "numpy", "everything", "pip install numpy", "missing", "1.26"),
    Module("opencv", "cv2", "everything", "pip install opencv-python-headless", "missing", "4.6"),
    Module("onnxruntime", "onnxruntime", "inference", "pip install onnxruntime", "missing"),
    Module("rclpy", "rclpy", "the node, replay and the demo", _SOURCE, "missing"),
    Module(
        "messages",
        "damage_perception_msgs.msg",
        "the node, replay and the demo",
        f"build damage_perception_msgs with colcon, then {_SOURCE}",
        "missing",
    ),
    Module(
        "cv_bridge",
        "cv_bridge",
        "images that are not rgb8, bgr8, rgba8, bgra8, mono8, 16UC1 or 32FC1",
        "sudo apt install ros-$ROS_DISTRO-cv-bridge",
    ),
    Module("rosbags", "rosbags.highlevel", "rosbag2 and MCAP files", "pip install rosbags"),
    Module("scikit-learn", "sklearn", "evaluate", _EVALUATION),
    Module("matplotlib", "matplotlib", "evaluate and train", _EVALUATION),
    Module("mcap", "mcap", "records of items (damage_recorder)", _ROBOT),
    Module("fastapi", "fastapi", "the review page", _ROBOT),
    Module("uvicorn", "uvicorn", "the review page", _ROBOT),
    Module("jinja2", "jinja2", "the review page", _ROBOT),
    Module("python-multipart", "python_multipart", "the review page", _ROBOT),
    Module("duckdb", "duckdb", "figures of many cells at once", _ROBOT),
    Module("zxing-cpp", "zxingcpp", "codes that a camera sees (damage_barcodes)", _ROBOT),
    Module("cryptography", "cryptography", "keys of SROS 2 (secure) without sros2", _ROBOT),
    Module("lancedb", "lancedb", "references in a gallery", _ROBOT),
    Module("faiss", "faiss", "galleries of more than 100,000 references", _ROBOT),
    Module("embreex", "embreex", "simulate, train and the demo", _ROBOT),
    Module("torch", "torch", "training", _TRAINING),
    Module("pycocotools", "pycocotools", "training on annotations in COCO format", _TRAINING),
    Module("pycuda", "pycuda.driver", "inference on the GPU", "pip install pycuda", for_gpu=True),
)


def missing_module(error: ModuleNotFoundError) -> str:
    """What is missing and what to do about it, for people.

    Raises ``error`` again where it is a module of this package, which is a fault of its own.
    """
    name = str(error.name).partition(".")[0]
    if name == "damage_perception":
        raise error
    mends = {known.module.partition(".")[0]: known.mend for known in MODULES}
    mend = mends.get(name, "`damage-perception doctor` says what else is missing")
    return f"this needs the Python module {name}, which is not installed: {mend}"


def examine() -> list[Finding]:
    """All findings, in the order in which to read them. Takes a few seconds."""
    gpu = examine_gpu()
    has_gpu = gpu.state == "ok"
    with ThreadPoolExecutor() as pool:
        modules = list(pool.map(lambda module: examine_module(module, has_gpu), MODULES))
    return [
        examine_python(),
        *modules,
        gpu,
        examine_backend(has_gpu),
        examine_model(),
        examine_transport(),
        examine_shared_memory(),
        examine_encryption(),
    ]


def examine_python() -> Finding:
    """The interpreter."""
    return Finding("python", "ok", f"{platform.python_version()} in {sys.prefix}")


def examine_module(module: Module, has_gpu: bool) -> Finding:
    """Whether a module can be imported, and in which version."""
    idle = module.for_gpu and not has_gpu
    if not _is_installed(module.module):
        if idle:
            return Finding(module.name, "ok", "not installed; of no use without an NVIDIA GPU")
        detail = f"not installed; needed for {module.serves}"
        return Finding(module.name, module.absent, detail, module.mend)
    probe = subprocess.run(
        [sys.executable, "-c", _PROBE, module.module],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if probe.returncode:
        if idle:
            return Finding(module.name, "ok", "installed; of no use without an NVIDIA GPU")
        lines = probe.stderr.strip().splitlines() or [f"exit status {probe.returncode}"]
        detail = f"installed but cannot be imported: {lines[-1]}; needed for {module.serves}"
        return Finding(module.name, module.absent, detail, f"reinstall it: {module.mend}")
    version = probe.stdout.split()[-1]
    if module.oldest and _numbers(version) < _numbers(module.oldest):
        detail = f"{version}; the package is tested with {module.oldest} and newer"
        return Finding(module.name, "warning", detail, module.mend)
    return Finding(module.name, "ok", version)


def examine_gpu() -> Finding:
    """Whether a process here can use an NVIDIA GPU."""
    command = shutil.which("nvidia-smi")
    if command is not None:
        query = [command, "--query-gpu=name,driver_version", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if answer.returncode == 0 and answer.stdout.strip():
            return Finding("gpu", "ok", "; ".join(answer.stdout.strip().splitlines()))
    if any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/nvhost-gpu")):
        return Finding("gpu", "ok", "an NVIDIA device that nvidia-smi does not describe")
    return Finding(
        "gpu",
        "warning",
        "none visible; the network runs on the CPU",
        "where there is one: install its driver; in a container: docker run --gpus all",
    )


def examine_backend(has_gpu: bool) -> Finding:
    """What the node runs the model on where `backend` is auto, and why."""
    try:
        # Not before: it needs modules that may be what is missing.
        from damage_perception.engines.backend import TensorRtBackend, choose_backend
    except ImportError as error:
        return Finding("backend", "missing", f"none: {error}", "install what is missing above")
    backend = choose_backend("auto", threads=1)
    if isinstance(backend, TensorRtBackend):
        return Finding("backend", "ok", f"{backend.name} on {backend.why}")
    if not has_gpu:
        return Finding("backend", "ok", "onnxruntime on the CPU")
    return Finding("backend", "warning", f"onnxruntime on the CPU: {backend.why}", _DEPLOYMENT)


def examine_model() -> Finding:
    """The model that comes with the package: its card, the files it names and their sha256."""
    try:
        # The network's modules need NumPy and ONNX Runtime, whose absence is another finding.
        from damage_perception.network.model_card import ModelCard, ModelCardError
    except ImportError as error:
        return Finding("model", "missing", f"cannot be read: {error}", "mend the modules above")
    try:
        card = ModelCard.load(default_model_card())
    except (OSError, ModelCardError) as error:
        mend = "reinstall the package, or train a model: damage-perception train"
        return Finding("model", "missing", str(error), mend)
    detail = f"{card.model_id}, sha256 as in {card.path}"
    if card.kinds.warning:
        mend = "use a model with the kinds of this version, or a version with those of the model"
        return Finding("model", "warning", f"{detail}; {card.kinds.warning}", mend)
    return Finding("model", "ok", detail)


def examine_transport() -> Finding:
    """Whether images travel by the Fast DDS profile for large messages."""
    transport = image_transport()
    if transport.fit:
        return Finding("transport", "ok", transport.text)
    mend = "set the variable in every process that handles images; the launch files do"
    return Finding("transport", "warning", transport.text, mend)


def examine_shared_memory(folder: Path = SHARED_MEMORY) -> Finding:
    """Whether the shared memory of this machine or container holds the segments of Fast DDS."""
    try:
        status = os.statvfs(folder)
    except OSError as error:
        detail = f"{folder}: {error.strerror}; images go by UDP"
        return Finding("shared memory", "warning", detail, f"mount a tmpfs on {folder}")
    size = status.f_blocks * status.f_frsize
    detail = f"{size // 1024**2} MiB in {folder}"
    if size < MIN_SHARED_MEMORY_BYTES:
        return Finding(
            "shared memory",
            "warning",
            f"{detail}; each process takes 35 MB, past that images go by UDP",
            "docker run --shm-size=512m, or --ipc=host",
        )
    return Finding("shared memory", "ok", detail)


def examine_encryption() -> Finding:
    """Whether what nodes say is encrypted and permitted by SROS 2."""
    found = examine_security()
    return Finding("security", found.state, found.detail, found.mend)


def _is_installed(module: str) -> bool:
    """False too for a folder of that name without __init__.py, as in a checkout."""
    try:
        spec = importlib.util.find_spec(module)
    except ImportError:
        return False
    return spec is not None and spec.origin is not None


def _numbers(version: str) -> tuple[int, ...]:
    """Leading numbers of a version: 4.6.0-dev -> (4, 6, 0)."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
