import io
import marshal
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from rbridge.archive import BUNDLES, Archive, install


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


def bundle(files):
    """*files* as one text."""
    texts = {name: text.encode() for name, text in files.items()}
    index = "".join(f"{name} {len(text)}\n" for name, text in texts.items())
    return index.encode() + b"\n" + b"".join(texts.values())


@pytest.fixture
def nested():
    """An archive with bundles in it, all of which can be imported; afterwards nothing of it is left."""
    names = iter(FILES)
    outside, early = ({name: FILES[name] for name in [next(names)]} for _ in range(2))
    bundles = bundle(early), bundle({name: FILES[name] for name in names})
    install("/where/it/lies", make({**outside, **dict(zip(BUNDLES, bundles, strict=True))}))
    yield sys.meta_path[0]
    del sys.meta_path[0]
    for name in [name for name in sys.modules if name.split(".")[0] == "parcel"]:
        del sys.modules[name]


def test_a_bundle_is_read_when_something_in_it_is_wanted(nested):
    import parcel

    assert sys.meta_path[0].find_spec("json") is None
    assert set(nested.entries) == {"parcel/__init__.py", *BUNDLES}
    assert nested.file("parcel.inner") == ("parcel/inner.py", False)
    assert set(nested.entries) == {"parcel/__init__.py", "parcel/inner.py", BUNDLES[1]}
    from parcel import inner

    assert inner.VALUE == "éparcel.deep"
    assert parcel.__spec__.submodule_search_locations == []
    assert nested.names() == sorted(FILES)
    assert nested.get_source("parcel.inner") == FILES["parcel/inner.py"]
    with pytest.raises(ModuleNotFoundError, match=r"parcel\.missing"):
        import parcel.missing


def test_of_what_is_kept_compiled_nothing_is_read(nested):
    nested.code = {name: marshal.dumps(compile(text, name, "exec")) for name, text in FILES.items()}
    from parcel import deep, inner

    assert inner.VALUE == "éparcel.deep"
    assert deep.__path__ == []
    assert set(BUNDLES) <= set(nested.entries)
    assert nested.get_source("parcel.inner") == FILES["parcel/inner.py"]


def test_several_threads_may_want_something_in_them(nested):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(nested.file, ["parcel.deep"] * 100))
    assert set(found) == {("parcel/deep/__init__.py", True)}


def test_refuses_what_is_no_zip():
    with pytest.raises(ValueError, match="not found"):
        Archive("x", b"#!/bin/sh\n")
