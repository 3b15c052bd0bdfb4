import pytest

from rbridge.errors import UsageError
from rbridge.server import config
from rbridge.server.config import Config, HostConfig, Limits

PORTS = ((8888, 8888), (6006, 16006), (5678, 5678))


def load(tmp_path, text):
    file = tmp_path / "config.toml"
    file.write_text(text)
    return config.load(str(file))


def test_no_file_means_the_defaults(tmp_path):
    assert config.load(str(tmp_path / "none")) == Config()


def test_everything_can_be_set(tmp_path):
    made = load(
        tmp_path,
        """
        listen = ["127.0.0.1:0", "unix:/x"]
        editor = "vim"
        terminal = "xterm -e"
        diff = "meld"
        classic = "ask"
        notify = false
        spool = false
        lsp = false
        lsp-python = "pylsp; ruff server"
        fallback = "vi"
        [[hosts]]
        host = "gpu1"
        [[hosts]]
        host = "ada@login.cluster"
        options = ["-p", "2222"]
        ports = [8888, "6006:16006", "5678"]
        [limits]
        connections = 5
        line = 1000
        headers = 10
        body = 100
        records = 7
        handshake = 2
        stall = 0.5
        """,
    )
    assert made == Config(
        listen=("127.0.0.1:0", "unix:/x"),
        editor="vim",
        terminal="xterm -e",
        diff="meld",
        classic="ask",
        notify=False,
        spool=False,
        lsp=False,
        hosts=(HostConfig("gpu1"), HostConfig("ada@login.cluster", ("-p", "2222"), PORTS)),
        limits=Limits(connections=5, line=1000, headers=10, body=100, records=7, handshake=2, stall=0.5),
    )


def test_more_ports_of_a_host_than_it_may_have(tmp_path):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, f"[[hosts]]\nhost = 'a'\nports = {[*range(1, 18)]}")
    assert "a list of up to 16" in caught.value.line()


def test_the_wire_gets_the_limits():
    wire = Limits(line=1000, headers=10, body=100, records=7).wire()
    assert (wire.line, wire.headers, wire.body, wire.records) == (1000, 10, 100, 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour = 1", ["colour", "known:", "editor"]),
        ("[limits]\nconections = 1", ["limits.conections", "connections"]),
        ("editor = 1", ["editor", "a string"]),
        ("notify = 'yes'", ["notify", "true or false"]),
        ("classic = 'maybe'", ["classic", "allow, ask, deny"]),
        ("listen = 5", ["listen", "address"]),
        ("listen = [5]", ["listen", "address"]),
        ("limits = 5", ["limits", "table"]),
        ("[limits]\nline = 0", ["limits.line", "above 0"]),
        ("[limits]\nline = 1.5", ["limits.line", "whole"]),
        ("[limits]\nstall = true", ["limits.stall", "seconds"]),
        ("[limits]\nstall = nan", ["limits.stall", "seconds"]),
        ("[limits]\nstall = '3'", ["limits.stall", "seconds"]),
        ("hosts = 'gpu1'", ["hosts is", "[[hosts]]"]),
        ("hosts = ['gpu1']", ["hosts is", "[[hosts]]"]),
        ("[[hosts]]\nname = 'gpu1'", ["hosts.name", "known: host, options"]),
        ("[[hosts]]\noptions = []", ["hosts.host is None"]),
        ("[[hosts]]\nhost = '-oProxyCommand=x'", ["hosts.host is"]),
        ("[[hosts]]\nhost = 'a'\noptions = '-4'", ["hosts.options", "a list"]),
        ("[[hosts]]\nhost = 'a'\nports = 8888", ["hosts.ports is 8888", "a list"]),
        ("[[hosts]]\nhost = 'a'\nports = [true]", ["hosts.ports has True", "numbers"]),
        ("[[hosts]]\nhost = 'a'\nports = [0]", ["hosts.ports has 0", "numbers"]),
        ("[[hosts]]\nhost = 'a'\nports = [65536]", ["hosts.ports has 65536", "65535"]),
        ("[[hosts]]\nhost = 'a'\nports = ['80:']", ["hosts.ports has '80:'", "'6006:16006'"]),
        ("[[hosts]]\nhost = 'a'\nports = ['80:x']", ["hosts.ports has '80:x'"]),
        ("[[hosts]]\nhost = 'a'\nports = [1, '1:2']", ["hosts.ports has '1:2' twice"]),
        ("[[hosts]]\nhost = 'a'\nports = [2, '1:2']", ["hosts.ports has '1:2' twice"]),
        ("ports = false\n[[hosts]]\nhost = 'a'\nports = [1]", ["ports is false", "hosts.ports"]),
        ("editor = ", ["not valid TOML"]),
    ],
)
def test_a_mistake_names_file_key_and_what_is_allowed(tmp_path, text, words):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    for word in ("config.toml", *words):
        assert word in caught.value.line()


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not valid TOML"):
        config.load(str(tmp_path / "config.toml"))


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(UsageError, match="cannot read"):
        config.load(str(tmp_path / "config.toml"))


def test_the_command_line_wins(tmp_path):
    made = load(tmp_path, "listen = '127.0.0.1:1'\neditor = 'vim'")
    assert config.override(made) == made
    changed = config.override(made, listen=("unix:/x",), editor="nano")
    assert (changed.listen, changed.editor) == (("unix:/x",), "nano")
