"""Which language servers there are for a file: those on the PATH of the shell that opened it, or configured.

A table of what is usual, in order: for a language the first that is installed, and every linter. In
``config.toml`` ``lsp-LANGUAGE = "COMMAND; COMMAND"`` takes the table's place, with ``false`` there are none,
and ``lsp = false`` turns all off; ``/etc/rbridge.conf``, written the same way, is the administrator's.

A program is taken from the absolute directories of a PATH, or from where the configuration says: what the
opened project brings along counts only if the user has put it there.
"""

import os
import shlex
import stat

from rbridge import paths
from rbridge.client import process, rcfiles

MYPY = False
if MYPY:
    from typing import Dict, List, Mapping, Optional, Tuple

SYSTEM = rcfiles.SYSTEM
TYPES, LINT = "types", "lint"

_C = ("c", "cpp", "objective-c", "objective-cpp", "cuda-cpp")
_SCRIPT = ("javascript", "javascriptreact", "typescript", "typescriptreact")

TABLE: "Tuple[Tuple[str, Tuple[str, ...], str, str], ...]" = (
    # fmt: off
    # command, languages, kind, how to get it
    ("basedpyright-langserver --stdio", ("python",), TYPES, "pip install basedpyright"),
    ("pyright-langserver --stdio", ("python",), TYPES, "pip install pyright"),
    ("pylsp", ("python",), TYPES, "pip install python-lsp-server"),
    ("jedi-language-server", ("python",), TYPES, "pip install jedi-language-server"),
    ("ty server", ("python",), TYPES, "pip install ty"),
    ("ruff server", ("python",), LINT, "pip install ruff"),
    ("clangd", _C, TYPES, "your system's package clangd, or conda install clang-tools"),
    ("ccls", _C, TYPES, "your system's package ccls"),
    ("rust-analyzer", ("rust",), TYPES, "rustup component add rust-analyzer"),
    ("gopls", ("go", "gomod"), TYPES, "go install golang.org/x/tools/gopls@latest"),
    (
        "typescript-language-server --stdio",
        _SCRIPT,
        TYPES,
        "npm install -g typescript-language-server typescript",
    ),
    ("bash-language-server start", ("shellscript",), TYPES, "npm install -g bash-language-server"),
    ("julia-lsp", ("julia",), TYPES, "a wrapper called julia-lsp around LanguageServer.jl"),
    ("fortls", ("fortran",), TYPES, "pip install fortls"),
    ("lua-language-server", ("lua",), TYPES, "your system's package lua-language-server"),
    ("zls", ("zig",), TYPES, "your system's package zls"),
    ("texlab", ("latex", "bibtex"), TYPES, "cargo install texlab"),
    ("marksman server", ("markdown",), TYPES, "a release of marksman"),
    ("taplo lsp stdio", ("toml",), TYPES, "pip install taplo, or cargo install taplo-cli"),
    ("yaml-language-server --stdio", ("yaml",), TYPES, "npm install -g yaml-language-server"),
    (
        "vscode-json-language-server --stdio",
        ("json", "jsonc"),
        TYPES,
        "npm install -g vscode-langservers-extracted",
    ),
    ("vscode-html-language-server --stdio", ("html",), TYPES, "npm install -g vscode-langservers-extracted"),
    (
        "vscode-css-language-server --stdio",
        ("css", "scss", "less"),
        TYPES,
        "npm install -g vscode-langservers-extracted",
    ),
    ("cmake-language-server", ("cmake",), TYPES, "pip install cmake-language-server"),
    ("neocmakelsp stdio", ("cmake",), TYPES, "cargo install neocmakelsp"),
    ("docker-langserver --stdio", ("dockerfile",), TYPES, "npm install -g dockerfile-language-server-nodejs"),
    ("perlnavigator --stdio", ("perl",), TYPES, "npm install -g perlnavigator-server"),
    ("solargraph stdio", ("ruby",), TYPES, "gem install solargraph"),
    ("intelephense --stdio", ("php",), TYPES, "npm install -g intelephense"),
    ("jdtls", ("java",), TYPES, "a release of jdtls"),
    ("haskell-language-server-wrapper --lsp", ("haskell",), TYPES, "ghcup install hls"),
    ("ocamllsp", ("ocaml",), TYPES, "opam install ocaml-lsp-server"),
    ("nimlangserver", ("nim",), TYPES, "nimble install nimlangserver"),
    ("metals", ("scala",), TYPES, "coursier install metals"),
    ("R --no-echo -e languageserver::run()", ("r", "rmd"), TYPES, "install.packages('languageserver') in R"),
    # fmt: on
)

_EXTENSIONS = {
    # fmt: off
    "python": "py pyi pyw ipy",
    "c": "c",
    "cpp": "cc cpp cxx c++ C h hh hpp hxx h++ inl ipp tpp",
    "cuda-cpp": "cu cuh",
    "objective-cpp": "mm",
    "rust": "rs",
    "go": "go",
    "javascript": "js mjs cjs",
    "javascriptreact": "jsx",
    "typescript": "ts mts cts",
    "typescriptreact": "tsx",
    "shellscript": "sh bash zsh ksh sbatch slurm pbs",
    "julia": "jl",
    "fortran": "f f77 f90 f95 f03 f08 for",
    "lua": "lua",
    "zig": "zig",
    "latex": "tex sty cls",
    "bibtex": "bib",
    "markdown": "md markdown",
    "toml": "toml",
    "yaml": "yaml yml",
    "json": "json",
    "jsonc": "jsonc",
    "html": "html htm",
    "css": "css",
    "scss": "scss",
    "less": "less",
    "cmake": "cmake",
    "perl": "pl pm",
    "ruby": "rb",
    "php": "php",
    "java": "java",
    "haskell": "hs",
    "ocaml": "ml mli",
    "nim": "nim",
    "scala": "scala sc",
    "r": "r",
    "rmd": "rmd",
    # fmt: on
}
_BY_EXTENSION = {end: language for language, ends in _EXTENSIONS.items() for end in ends.split()}
"""``.m`` is not in it: where there are hosts it is MATLAB's more often than Objective-C's."""

_ALIASES = {
    # fmt: off
    "objective-c": "objc objectivec",
    "objective-cpp": "objcpp objective-c++",
    "cuda-cpp": "cuda",
    "latex": "plaintex",
    "gomod": "go.mod go-mod",
    "fortran": "fortran-modern fortranfreeform fortranfixedform",
    "javascriptreact": "js-jsx javascript.jsx",
    "typescriptreact": "typescript.tsx",
    # fmt: on
}
_BY_ALIAS = {alias: language for language, aliases in _ALIASES.items() for alias in aliases.split()}
"""Languages as editors call them that do not keep to LSP's list; many use what files end in."""

_BY_NAME = {
    # fmt: off
    "CMakeLists.txt": "cmake",
    "Dockerfile": "dockerfile",
    "Containerfile": "dockerfile",
    "go.mod": "gomod",
    "SConstruct": "python",
    "Snakefile": "python",
    ".bashrc": "shellscript",
    ".bash_profile": "shellscript",
    ".profile": "shellscript",
    ".zshrc": "shellscript",
    ".Rprofile": "r",
    # fmt: on
}
_INTERPRETERS = (
    # fmt: off
    ("python", "python"),
    ("pypy", "python"),
    ("uv", "python"),
    ("pipx", "python"),
    ("bash", "shellscript"),
    ("sh", "shellscript"),
    ("zsh", "shellscript"),
    ("dash", "shellscript"),
    ("ksh", "shellscript"),
    ("node", "javascript"),
    ("perl", "perl"),
    ("ruby", "ruby"),
    ("Rscript", "r"),
    ("julia", "julia"),
    ("lua", "lua"),
    # fmt: on
)

ROOTS = {
    # fmt: off
    "python": (
        "pyrightconfig.json pyproject.toml ruff.toml .ruff.toml setup.py setup.cfg requirements.txt Pipfile",
    ),
    "rust": ("Cargo.lock", "Cargo.toml"),
    "go": ("go.work", "go.mod"),
    "julia": ("Project.toml",),
    "javascript": (
        "package-lock.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb",
        "tsconfig.json jsconfig.json package.json",
    ),
    "c": (".clangd compile_commands.json compile_flags.txt configure.ac",),
    # fmt: on
}
"""The files that a project's root has, those of a workspace of several before those of one."""

_SAME_ROOTS = {**dict.fromkeys(_SCRIPT, "javascript"), **dict.fromkeys(_C, "c"), "gomod": "go"}

REPOSITORY = [".git", ".hg", ".jj", ".svn"]
STEPS = 40  # directories upwards that are looked into


class Server:
    """One that can be started: *path* as *words*, for *languages*. *name* is what users call it."""

    __slots__ = ("kind", "languages", "name", "path", "words")

    def __init__(self, path: str, words: "List[str]", languages: "Tuple[str, ...]", kind: str) -> None:
        self.path = path
        self.words = words
        self.languages = languages
        self.kind = kind
        self.name = name_of(words)


def name_of(words: "List[str]") -> str:
    """What the server of a command line is called: the program, without what only says that it is one, or the
    module that it runs.
    """
    name = os.path.basename(words[0])
    if name.startswith(("python", "pypy")) and "-m" in words[1:-1]:
        return words[words.index("-m") + 1]
    for end in ("-langserver", "-language-server-wrapper"):
        if name.endswith(end):
            return name[: -len(end)]
    return name


class Settings:
    """What the configuration says: the *commands* of a language, or its *faults*. *off*: why there are none
    at all, "" if there are; *own*: it was the user who wanted that.
    """

    def __init__(self, said: "List[Tuple[str, Mapping[str, object]]]") -> None:
        self.off = ""
        self.own = False
        self.commands: "Dict[str, List[List[str]]]" = {}
        self.faults: "Dict[str, str]" = {}
        for path, values in said:
            if values.get("lsp", True) is not True and not self.off:
                self.off = "language servers are turned off by lsp in {}".format(path)
                self.own = path != SYSTEM
            for key, value in values.items():
                if key.startswith("lsp-"):
                    self._add(path, key, value)

    def _add(self, path: str, key: str, value: object) -> None:
        language = known(key[4:])
        self.faults.pop(language, None)
        self.commands[language] = []
        try:
            if not isinstance(value, str):
                if value is not False:
                    raise ValueError("a command, or false, is wanted")
            elif "\0" in value:
                raise ValueError("a NUL is in no command")
            else:
                parts = paths.encodable(value).split(";")
                self.commands[language] = [shlex.split(one) for one in parts if one.strip()]
        except ValueError as error:
            self.faults[language] = "{}: {}: {}".format(path, key, str(error).lower())


def settings(environment: "Mapping[bytes, bytes]") -> Settings:
    """The administrator's, and the user's in their place; *environment* is that of the shell that opened the
    document. Root that sudo made of somebody else has none.
    """
    found = Settings(
        [(path, rcfiles.parse_config(rcfiles.read_text(path))) for path in (SYSTEM, paths.config_file())]
    )
    if os.geteuid() == 0 and b"SUDO_UID" in environment:
        found.off, found.own = "no language server is started under sudo", False
    return found


def known(language: str) -> str:
    """What LSP calls the *language* of an editor or a user; "" for none."""
    language = language.lower()
    if language in ("plaintext", "text", "txt"):
        return ""
    return _BY_ALIAS.get(language) or _BY_EXTENSION.get(language, language)


def language_of(path: str, first: bytes = b"") -> str:
    """The language of the file at *path*, by its name or its *first* line; "" where neither tells."""
    name = os.path.basename(path)
    _, dot, end = name.rpartition(".")
    found = _BY_NAME.get(name) or (_BY_EXTENSION.get(end) or _BY_EXTENSION.get(end.lower()) if dot else None)
    if found or not first.startswith(b"#!"):
        return found or ""
    words = first[2:].decode("utf-8", "replace").split()
    programs = [os.path.basename(word) for word in words if not word.startswith("-") and "=" not in word]
    if programs[:1] == ["env"]:
        del programs[0]
    program = programs[0] if programs else ""
    for start, language in _INTERPRETERS:  # python3.13t, bash-5.2
        if program.startswith(start) and not program[len(start) :].strip("-.0123456789dt"):
            return language
    return ""


def find(language: str, path: bytes, said: Settings) -> "List[Server]":
    """All servers for *language* that the PATH *path* has, in the order of the table."""
    if said.off:
        return []
    servers: "List[Server]" = []
    own = said.commands.get(language)
    if own is None:
        wanted = [(command.split(), spoken, kind) for command, spoken, kind, _ in TABLE if language in spoken]
    else:
        wanted = [(words, (language,), LINT if number else TYPES) for number, words in enumerate(own)]
    for words, spoken, kind in wanted:
        server = located(words, spoken, kind, path)
        if server is not None:
            same = sum(name_of(one.words) == server.name for one in servers)
            if same:
                server.name += "-{}".format(same + 1)
            servers.append(server)
    return servers


def usual(servers: "List[Server]") -> "List[Server]":
    """Those that are started unasked: one for types, and all that lint."""
    first = [one for one in servers if one.kind == TYPES][:1]
    return first + [one for one in servers if one.kind == LINT]


def located(words: "List[str]", languages: "Tuple[str, ...]", kind: str, path: bytes) -> "Optional[Server]":
    """The server of a command line, None if its program is not there."""
    program = os.path.expanduser(words[0])
    if os.path.isabs(program):
        found = program if os.access(program, os.X_OK) and not os.path.isdir(program) else ""
    else:
        found = process.search(program, path) if "/" not in program else ""
    return Server(found, [program] + words[1:], languages, kind) if found else None


def advice(language: str, said: Settings) -> str:
    """What to tell a user for whose *language* there is no server; "" where nothing would serve, or where the
    user wants none.
    """
    if said.off:
        return "" if said.own else said.off
    if language in said.faults:
        return said.faults[language]
    if language in said.commands:
        if not said.commands[language]:
            return ""
        programs = " or ".join(words[0] for words in said.commands[language])
        return "lsp-{}: there is no {} on the PATH of the shell that opened the file".format(
            language, programs
        )
    ways = [(name_of(command.split()), how) for command, languages, _, how in TABLE if language in languages]
    if not ways:
        return ""
    return (
        "no language server for {} on the PATH of the shell that opened the file: {} would serve ({})".format(
            language, ways[0][0], ways[0][1]
        )
    )


def root_of(path: str, language: str) -> str:
    """The project's root of the file at *path*: the nearest directory with one of its language's files, no
    further up than the repository's, else that, else the file's own.

    A home directory is no project of what lies below it, and nor is one where everybody may write: what lies
    in /tmp may be anybody's.
    """
    here = os.path.dirname(path)
    home = paths.home()
    stops = ("/", home, os.path.realpath(home))
    groups = [one.split() for one in ROOTS.get(_SAME_ROOTS.get(language, language), ())] + [REPOSITORY]
    found = [""] * len(groups)
    place = here
    for _ in range(STEPS):
        if (place in stops and place != here) or _everybodys(place):
            break
        for number, names in enumerate(groups):
            if not found[number] and any(os.path.lexists(os.path.join(place, one)) for one in names):
                found[number] = place
        if place in stops or found[0] or found[-1]:
            break
        place = os.path.dirname(place)
    return next((one for one in found if one), here)


def _everybodys(place: str) -> bool:
    """Whether everybody may write in the directory *place*."""
    try:
        return bool(os.stat(place).st_mode & stat.S_IWOTH)
    except OSError:
        return False
