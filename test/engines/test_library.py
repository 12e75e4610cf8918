"""The installed TensorRT is found, or it is said why none is."""

import sys
from types import SimpleNamespace

import pytest

from damage_perception.engines.library import find_library
from damage_perception.network import BackendError


def install(monkeypatch, **versions):
    for flavour in ("tensorrt", "tensorrt_rtx"):
        version = versions.get(flavour)
        module = None if version is None else SimpleNamespace(__version__=version)
        monkeypatch.setitem(sys.modules, flavour, module)


@pytest.mark.parametrize("version", ["10.3.0", "10.13.2", "11.4.1.2"])
def test_the_full_library_comes_first(monkeypatch, version):
    install(monkeypatch, tensorrt=version, tensorrt_rtx="1.7.1.116")
    library = find_library()
    assert (library.flavour, library.version) == ("tensorrt", version)


def test_tensorrt_for_rtx_serves_where_there_is_no_other(monkeypatch):
    install(monkeypatch, tensorrt_rtx="1.7.1.116")
    assert find_library().flavour == "tensorrt_rtx"
    with pytest.raises(BackendError, match=r"no TensorRT .*tensorrt: "):
        find_library(["tensorrt"])


def test_where_there_is_none_each_is_named_with_the_reason(monkeypatch):
    install(monkeypatch, tensorrt="8.6.1")
    with pytest.raises(BackendError, match=r"tensorrt 8.6.1 is too old: 10.3 .*tensorrt_rtx: "):
        find_library()
