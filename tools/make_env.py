"""Makes the virtual environments that the Makefile's targets run in.

The interpreter that runs this is the one the environment is made for. ROS comes as wheels, whose
libraries lie in the environment's lib/; the interface package is built into the same prefix, so
every process of the environment finds it without sourcing anything.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTERFACES = "damage_perception_msgs"
VERSION = sysconfig.get_python_version()


class StepFailed(Exception):
    """A step that could not be done; the message says why."""


class Environment:
    """A virtual environment, and the log of the last program that was run to make it."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.python = prefix / "bin" / "python"
        self.library = prefix / "lib" / f"python{VERSION}"
        self.log = prefix / "make_env.log"

    def install_packages(self, lock: Path, index: str | None) -> None:
        """Installs what a lock file names, from another index than PyPI where one is given.

        By uv, which takes seconds where pip takes a minute. Where uv finds no index pip tries: it
        may be configured for a mirror.
        """
        if not self.library.is_dir():
            venv.create(self.prefix, clear=True, symlinks=True, with_pip=True)
        options = ["--quiet", "--no-deps", "--requirement", str(lock)]
        if index:
            options += ["--index-url", index]
        try:
            self._run("pip", "install", "--quiet", _pin("uv"))
            self._uv_install("--link-mode=copy", *options)
        except StepFailed:
            print("uv failed, pip tries ... ", end="", flush=True)
            self._run("pip", "install", "--no-compile", *options)
        self._relocate_exports()

    def build_interfaces(self) -> None:
        """Builds the interface package with colcon, into the environment's own prefix."""
        _check_compilers()
        build = self.prefix / "build"
        self._run(
            "colcon",
            f"--log-base={build / 'log'}",
            "build",
            f"--paths={ROOT / INTERFACES}",
            f"--build-base={build}",
            f"--install-base={self.prefix}",
            "--merge-install",
            "--cmake-args",
            f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DPython3_EXECUTABLE={self.python}",
            "-DBUILD_TESTING=OFF",
        )

    def install_package(self) -> None:
        """Installs damage_perception, editable, with its console scripts in bin/."""
        # As a wheel: `setup.py develop` would follow setup.cfg and put the scripts where colcon
        # needs them.
        self._uv_install("--no-deps", "--no-build-isolation", "--editable", str(ROOT))

    def _relocate_exports(self) -> None:
        """The wheels' CMake exports name the include directories of the machine that built them."""
        python = sysconfig.get_path("include")
        numpy = self.library / "site-packages" / "numpy" / "_core" / "include"
        for file in (self.prefix / "share").glob("*/cmake/*.cmake"):
            text = file.read_text(encoding="utf-8")
            moved = re.sub(r"/opt/python/[^/;\"]+/include/python[\d.]+", python, text)
            moved = re.sub(r"/opt/python/[^;\"]+/numpy/_core/include", str(numpy), moved)
            if moved != text:
                file.write_text(moved, encoding="utf-8")

    def _uv_install(self, *options: str) -> None:
        self._run("uv", "pip", "install", f"--python={self.python}", *options)

    def _run(self, program: str, *arguments: str) -> None:
        """Runs a program of the environment. Raises StepFailed with the end of its output."""
        command = [str(self.python.parent / program), *arguments]
        with self.log.open("w+", encoding="utf-8") as log:
            run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if run.returncode:
                log.seek(0)
                # pip says of each package which of its local folders have nothing of it.
                lines = [line for line in log if "is ignored: it is neither" not in line]
                end = "".join(lines[-40:])
                raise StepFailed(f"{' '.join(command)}\n{end}Whole log: {self.log}")


def _pin(package: str) -> str:
    lock = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")
    return next(line for line in lock.splitlines() if line.startswith(f"{package}=="))


def _check_compilers() -> None:
    """Raises StepFailed, naming the packages that are not installed."""
    absent = [program for program in ("g++", "make", "cmake") if not shutil.which(program)]
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        absent.append(f"python{VERSION}-dev")
    if absent:
        raise StepFailed(f"{INTERFACES} cannot be compiled: sudo apt install {' '.join(absent)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("prefix", type=Path, help="folder of the environment")
    parser.add_argument("step", choices=("packages", "interfaces", "damage_perception"))
    parser.add_argument("--lock", type=Path, help="what `packages` installs")
    parser.add_argument("--index", help="where `packages` has it from, if not from PyPI")
    arguments = parser.parse_args()

    environment = Environment(arguments.prefix.resolve())
    subject = arguments.lock or arguments.step
    print(f"{arguments.prefix}: {subject} ... ", end="", flush=True)
    start = time.monotonic()
    try:
        if arguments.step == "packages":
            environment.install_packages(arguments.lock, arguments.index)
        elif arguments.step == "interfaces":
            environment.build_interfaces()
        else:
            environment.install_package()
    except StepFailed as failure:
        print(f"failed\n{failure}")
        return 1
    print(f"{time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
