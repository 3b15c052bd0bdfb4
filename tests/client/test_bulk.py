"""Large files."""

from __future__ import annotations

import os

from tests.client.editors import Talk


def test_a_file_that_shrinks_while_it_is_sent_is_tried_once_more(home, editor, rbridge_open):
    path = home.file("a", b"x" * 50_000_000)
    got = []

    def script(talk: Talk) -> None:
        head = b""
        while not head.endswith(b"data: 50000000\n") and b"data: 10\n" not in head:
            data = talk.file.readline()
            assert data, head
            head += data
        if b"data: 10\n" not in head:
            os.truncate(path, 10)
            while talk.file.read(1 << 20):
                pass
            return
        got.append(talk.file.read(10))

    served = editor(script)
    ran = rbridge_open("--large", *served.where, "a")
    assert ran.code == 0, ran
    served.result(2)
    assert got == [b"x" * 10]
