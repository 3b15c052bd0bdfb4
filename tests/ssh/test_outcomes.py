"""Exit codes and words of what went wrong with one file."""

import errno

import pytest

from rbridge.ssh.outcomes import CODES, reading, writing


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ENOSPC, 73, "disk full"),
        (errno.EDQUOT, 73, "over quota"),
        (errno.EROFS, 73, "read-only file system"),
        (errno.EACCES, 77, "no permission"),
        (errno.EIO, 74, "the disk reports an error"),
    ],
)
def test_what_cannot_be_written(number, code, words):
    refused = writing(OSError(number, "x"))
    assert (refused.code, refused.said) == (code, words)


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOENT, 66), (errno.ENOTDIR, 66), (errno.EACCES, 77), (errno.ESTALE, 74)]
)
def test_what_cannot_be_read(number, code):
    assert reading(OSError(number, "x")).code == code


def test_an_error_without_words_of_its_own_has_the_systems():
    assert reading(OSError(errno.ENOMEM, "x")).said == "Cannot allocate memory"


def test_every_code_is_one_that_the_other_end_may_say():
    assert {reading(OSError(n, "")).code for n in errno.errorcode} <= set(CODES)
