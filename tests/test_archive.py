import io
import sys
import zipfile

import pytest

from rbridge.archive import Archive, install


def make(files, prefix=b"", method=zipfile.ZIP_DEFLATED):
    """The same bytes for the same *files*, whenever it is called."""
    written = io.BytesIO()
    written.write(prefix)
    with zipfile.ZipFile(written, "a", method) as zipped:
        for name, text in files.items():
            zipped.writestr(zipfile.ZipInfo(name), text, method)
    return written.getvalue()


FILES = {
    "parcel/__init__.py": "",
    "parcel/inner.py": 'from parcel import deep\n\nVALUE = "é" + deep.__name__\n',
    "parcel/deep/__init__.py": "",
}


@pytest.fixture
def installed():
    """The parcel can be imported; afterwards nothing of it is left."""
    install("/where/it/lies", make(FILES, b"#!/bin/sh\n"))
    yield
    del sys.meta_path[0]
    for name in [name for name in sys.modules if name.split(".")[0] == "parcel"]:
        del sys.modules[name]


@pytest.mark.usefixtures("installed")
def test_imports_packages_and_modules():
    from parcel import inner

    assert inner.VALUE == "éparcel.deep"
    assert inner.__file__ == "/where/it/lies/parcel/inner.py"
    assert sys.modules["parcel"].__path__ == []


@pytest.mark.usefixtures("installed")
def test_what_is_not_in_it_is_left_to_others():
    with pytest.raises(ModuleNotFoundError, match=r"parcel\.missing"):
        import parcel.missing  # noqa: F401
    assert sys.meta_path[0].find_spec("json") is None


@pytest.mark.usefixtures("installed")
def test_tracebacks_can_show_the_source():
    from parcel import inner

    assert inner.__loader__.get_source("parcel.inner") == FILES["parcel/inner.py"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("prefix", [b"", b"#!/bin/sh\nexit 1\n"])
def test_reads_what_zipfile_writes(method, prefix):
    archive = Archive("x", make(FILES, prefix, method))
    assert {name: archive.read(name).decode() for name in archive.entries} == FILES


def test_refuses_what_is_no_zip():
    with pytest.raises(ValueError, match="not found"):
        Archive("x", b"#!/bin/sh\n")
