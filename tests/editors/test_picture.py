"""Pictures of editors on a terminal, for docs/editors.md: taken of the real ones."""

from __future__ import annotations

import os
from pathlib import Path

from tests.conftest import Start
from tests.editors.bench import PlainClient
from tests.editors.nvim import binary
from tests.editors.picture import picture, words
from tests.harness.environment import Home, rbridge
from tests.harness.tmux import Tmux
from tests.harness.wait import until

WIDTH, HEIGHT = 90, 17
READY = "require('rbridge.link').ready"
TARGET = os.environ.get("RBRIDGE_TESTS_NEOVIM_PICTURE")  # docs/images/nvim.svg, to make it anew
STATUS = "set laststatus=2 statusline=%f\\ %m%=%{v:lua.require'rbridge'.status()}\\ "
SHOWN = b"""import torch
from torch import nn

model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(100):
    for batch, labels in loader:
        loss = nn.functional.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{epoch:3} {loss.item():.4f}")
"""


def test_a_picture_has_the_text_and_its_colours() -> None:
    svg = picture("\x1b[31mred\x1b[0m & <b>", 20, "a title")
    said = words(svg)
    assert "a title" in said
    assert "red" in said
    assert "& <b>" in said
    assert "#cc555a" in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_a_picture_of_neovim(home: Home, tmux: Tmux, daemon: Start, tmp_path: Path) -> None:
    """It is what docs/images/nvim.svg shows."""
    home.run(rbridge("plugin", "install", "nvim")).ok()
    served = daemon(editor="false", listen=["unix"])
    tmux.resize(WIDTH, HEIGHT)
    ready = [binary(), "--server", str(home.root / "nvim"), "--remote-expr", f'luaeval("{READY}")']
    tmux.line(f'{binary()} --listen {home.root / "nvim"} --cmd "{STATUS}" --cmd "set number"')
    until(lambda: home.run(ready).out.strip() == "true", what="Neovim is attached")
    with PlainClient(served.socket, SHOWN, "gpu1", "train.py"):
        tmux.wait_for("gpu1: saved")
        svg = picture(tmux.coloured(), WIDTH, "rbridge open train.py")
        target = Path(TARGET or tmp_path / "nvim.svg")
        target.write_text(svg)
        assert "gpu1: saved" in words(svg)
        assert svg.count('class="t-r') > 8, "the text is coloured"
        tmux.line(":qa!")
