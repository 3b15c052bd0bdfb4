"""``rbridge doctor`` on a host: what ``rbridge open`` meets here, place by place, and what mends it.

It listens to greetings and sends nothing; a file of 64 KiB is written where saves need one, and goes at once.
How much a second the line carries is not here: no record asks for bytes, and the laptop's doctor measures it.
"""

import errno
import os
import sys
from glob import glob
from shlex import quote
from stat import S_IMODE
from time import monotonic

from rbridge import __version__, findings, mounts, paths, private, system
from rbridge.client import (
    ancestry,
    asking,
    handover,
    journal,
    key,
    leftovers,
    locate,
    process,
    rcfiles,
    servers,
    settings,
)
from rbridge.client.options import Options
from rbridge.client.probe import ANSWERED, FAILED, Peer
from rbridge.client.within import Silent, within
from rbridge.errors import Denied, RbridgeError, TryAgain, UsageError
from rbridge.findings import failure, ok, unknown, warning

MYPY = False
if MYPY:
    from typing import List, Optional

    from rbridge.client.probe import Probe
    from rbridge.findings import Finding

USAGE = """\
usage: rbridge doctor [--json]

Look at all that 'rbridge open' meets on this host, and say what is wrong, and
what mends it. On the laptop 'rbridge doctor HOST' looks at the whole way.
Exit code: 0 nothing fails, 69 something does.
"""
EACH = 5.0  # seconds for one check
SEARCH = 15.0  # and for the one that waits for greetings
ROUNDS = 3
NOBODY = "\n"  # no laptop is called so: all are listened to
CONNECT = "on the laptop: rbridge connect HOST"
HERE = ("0" * 8, "0100007F", "7F000001", "0" * 32, "0" * 24 + "01000000", "0" * 31 + "1")
"""All addresses, and the loopback, as /proc/net has them, for either order of bytes."""


def run(arguments: "List[str]") -> int:
    """``rbridge doctor`` with *arguments*; the exit code. Raises UsageError."""
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    if arguments not in ([], ["--json"]):
        raise UsageError("on a host: rbridge doctor [--json]", "doctor HOST is a command of the laptop")
    begin = monotonic()
    found = look()
    seconds = monotonic() - begin
    lines = findings.table(found) + [findings.summary(found, seconds)]
    asking.show((findings.as_json(found, "", seconds) if arguments else "\n".join(lines)) + "\n")
    return findings.exit_code(found)


def meant(arguments: "List[str]", serves: bool) -> bool:
    """Whether this end is to be looked at, where the laptop's commands are installed as well.

    *serves*: a daemon does so here, or has left texts. A host is what one came to by ssh, or where a laptop
    has made its directory.
    """
    if serves or arguments not in ([], ["--json"]):
        return False
    return "SSH_CONNECTION" in os.environ or os.path.isdir(paths.host_socket_dir())


def look() -> "List[Finding]":
    """All of it; a check that hangs or breaks is a finding too, and hides no other."""
    found: "List[Finding]" = []
    for check in (program, sockets, keys, directories, processes, texts, languages):
        name, seconds = check.__name__, SEARCH if check is sockets else EACH
        try:
            found += within(seconds, check)
        except Silent:
            found.append(unknown("host", name, "{}: not known within {:g} s".format(name, seconds)))
        except RbridgeError as error:
            found.append(failure("host", name, str(error), error.hint))
        except Exception as error:  # a mistake of ours in one check
            said = "{}: the check itself failed: {}: {}".format(name, type(error).__name__, error)
            found.append(unknown("host", name, said))
    return found


def program() -> "List[Finding]":
    """This client, whether shells find it, and where we are."""
    path = os.path.abspath(sys.argv[0])
    python = "{} at {}".format(".".join(map(str, sys.version_info[:3])), sys.executable)
    found = [ok("rbridge", "rbridge", "rbridge {} at {}, with Python {}".format(__version__, path, python))]
    first = process.search("rbridge", os.environb.get(b"PATH", b""))
    mend = "export PATH={}:$PATH".format(quote(os.path.dirname(path)))
    if os.path.isfile(path) and os.statvfs(path).f_flag & getattr(os, "ST_NOEXEC", 0):
        mend = "alias rbridge=" + quote("{} {}".format(sys.executable, quote(path)))
        found.append(warning("rbridge", "noexec", "nothing may be executed where it lies", mend))
    elif not first:
        found.append(warning("rbridge", "path", "this shell does not find rbridge on its PATH", mend))
    elif os.path.basename(path) == "rbridge" and os.path.realpath(first) != os.path.realpath(path):
        found.append(warning("rbridge", "path", "this shell finds another rbridge first: " + first, mend))
    home = paths.home()
    said = "{} on {}, home {}".format(system.user_name(os.geteuid()), paths.node(), home)
    if mounts.on_network(home):
        said += " ({}, shared: sockets lie in {})".format(mounts.mount_type(home), paths.host_socket_dir())
    return found + [ok("host", "host", said)]


def sockets() -> "List[Finding]":
    """Each place where ``rbridge open`` would look, in order, and which of them it would take."""
    try:
        places, notes = settings.endpoints(Options(), os.environ)
    except UsageError as error:
        return [failure("sockets", "setting", str(error), "mend or unset it")]
    found = [warning("sockets", "setting", one, "mend that file") for one in notes if "not a port" in one]
    for number, directory in enumerate([paths.host_socket_dir()] + paths.runtime_candidates()):
        try:
            private.check_private(directory)
        except Denied as error:
            say = warning if number else failure  # the first is where tunnels end
            found.append(say("sockets", "directory", "{}: passed over".format(error), error.hint))
        except OSError:
            continue
    options = Options()
    options.on = NOBODY
    search = locate.Search(places, options, notes.append)
    search.more = iter(())  # nor are other machines gone to
    try:
        search.run()
    except RbridgeError:
        pass  # what is so is in the probes
    try:
        for place in places:
            probes = [one for one in search.probes if one.endpoint is place]
            found += [told(probe) for probe in probes]
            held = [one for one in probes if not refused(one)]
            if place.kind == "tcp" and len(probes) == 2 and len(held) == 1:
                said = "{} only is held: 'ssh -R {}' would succeed on the other address, and say nothing"
                said = said.format(held[0].label, place.port)
                found.append(warning("port", "port-one-family", said, CONNECT))
        return found + taken(search)
    finally:
        for probe in search.probes:
            if probe.state != FAILED:
                probe.sock.close()


def refused(probe: "Probe") -> bool:
    """Whether nobody is there."""
    return probe.failure == os.strerror(errno.ECONNREFUSED).lower()


def told(probe: "Probe") -> "Finding":
    """What is at one place."""
    place, why = probe.endpoint, probe.failure
    kind, hop = ("socket", "sockets") if place.kind == "unix" else ("port", "port")
    uid, mode = listener(probe), 0
    if kind == "socket" and os.path.lexists(place.path):
        found = os.lstat(place.path)
        uid, mode = found.st_uid, S_IMODE(found.st_mode)
    at = "{} ({}{})".format(probe.label, place.origin, ", mode {:04o}".format(mode) if mode else "")
    path = quote(place.path)
    mend = "rm " + path if mode else CONNECT
    if probe.denied or (uid is not None and uid not in system.us(os.environ)):
        whose = "it belongs to " + system.user_name(uid or 0)
        said = "{}: {}: what is sent there is theirs to read".format(at, why if probe.denied else whose)
        return failure(hop, "port-squatted" if kind == "port" else "socket-foreign", said, CONNECT)
    if mode & 0o077:
        return warning(hop, "socket-open", at + " can be reached by others", "chmod 600 " + path)
    if probe.state == ANSWERED:
        version = " (rbridge {})".format(probe.said.version) if probe.said.link else ""
        return ok(hop, kind, "{} leads to {}{}".format(at, Peer(probe).label, version))
    if place.origin.startswith("$"):  # such as of a tmux server that is older than this login
        name = place.origin[1:]
        mend = "unset " + name + ("; tmux set-environment -gu " + name if "TMUX" in os.environ else "")
        said = "{} is stale: {}: {}".format(place.origin, probe.label, why)
        return warning(hop, "variable-stale", said, mend)
    if refused(probe):
        if kind == "port":
            return ok(hop, kind, at + " is free")
        return warning(hop, "socket-stale", at + ": nobody listens there any more", mend)
    if "said nothing" in why:
        said = at + ": half dead: it takes connections and says nothing; a lost login holds it"
        mend += "  # unless that laptop only sleeps" if mode else ""
        return warning(hop, kind + "-half-dead", said, mend)
    return warning(hop, kind + "-closed", "{}: {}".format(at, why), mend)


def listener(probe: "Probe") -> "Optional[int]":
    """Whose the TCP listener is, on this machine; None where that is not told."""
    port = "{:04X}".format(probe.endpoint.port)
    wide = ":" in str(probe.address[1][0])
    for line in rcfiles.read_text("/proc/net/tcp" + "6" * wide, 1 << 20).splitlines():
        row = line.replace(":", " ").split()
        if len(row) > 12 and row[1] in HERE and row[2] == port and row[5] == "0A":
            return int(row[11])
    return None


def taken(search: "locate.Search") -> "List[Finding]":
    """Who would be sent a file, and how far away that is."""
    search.options.on = ""
    try:
        probe = search.decide(monotonic() + SEARCH)
    except TryAgain as error:
        return [warning("daemon", "several-laptops", str(error), error.hint)]
    if probe is None:
        base = os.path.dirname(paths.host_socket_dir())
        names = os.listdir(base) if os.path.isdir(base) else []
        others = [one for one in names if one != paths.node() and glob(os.path.join(base, one, "*.sock"))]
        if others:
            said = "no tunnel ends here; there are sockets of {}, which share this home".format(
                ", ".join(others)
            )
            return [warning("daemon", "other-node", said, "rbridge open --via {} FILE".format(others[0]))]
        return [failure("daemon", "nobody", "nobody is listening for this host's files", CONNECT)]
    peer, trips = Peer(probe), []
    for _ in range(ROUNDS):
        begin = monotonic()
        locate.again(peer, Options(), search.failures.append).sock.close()
        trips.append(monotonic() - begin)
    said = "files open on {}; round trip {:.1f} ms".format(peer.label, min(trips) * 1000)
    if not peer.link:
        return [ok("daemon", "daemon", said + "; it is no rbridge: nobody hears whether a save arrived")]
    found = [ok("daemon", "daemon", said)]
    if peer.said.version != __version__:
        said = "it is rbridge {}, and this is {}".format(peer.said.version, __version__)
        found.append(warning("daemon", "daemon-version", said, "on the laptop: rbridge deploy HOST"))
    if peer.endpoint.kind == "tcp" and key.read(peer.said.identity) is None:
        said = "there is no key for {}: over a port it cannot be told from others".format(peer.label)
        found.append(warning("key", "key", said, CONNECT))
    return found


def keys() -> "List[Finding]":
    """The keys that this node has, and whether they are nobody else's."""
    place = os.path.join(paths.home(), ".rbridge", "keys")
    found = []
    names = os.listdir(place) if os.path.isdir(place) else []
    for name in names:
        identity, _, node = name.partition("@")
        if node != paths.node():
            continue
        path, mend = os.path.join(place, name), "chmod -R go= " + quote(os.path.dirname(place))
        try:
            key.read(identity)
        except Denied as error:
            if os.path.islink(path) or paths.owner(path) not in system.us(os.environ):
                mend = "rm " + quote(path)
            found.append(failure("key", "key", str(error), mend))
    return found or [ok("key", "key", "{} key(s) in {}, yours alone".format(len(names), place))] * bool(names)


def directories() -> "List[Finding]":
    """Whether what has to be written can be."""
    found = []
    for name, find in (("runtime", paths.runtime_dir), ("state", paths.state_dir)):
        place = there = ""
        try:
            place = there = find(False)
            while not os.path.isdir(there):
                there = os.path.dirname(there)
            if there == place:
                private.check_private(place)
            write(there)
        except Denied as error:
            found.append(failure("state", name, str(error), error.hint))
        except OSError as error:
            said = "{}: nothing can be written there: {}".format(place, (error.strerror or "").lower())
            mend = "RBRIDGE_{}_DIR may name another directory".format(name.upper())
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                mend = "make room: {} {}".format(
                    "df -h" if error.errno == errno.ENOSPC else "quota -s;", there
                )
            found.append(failure("state", name + "-full", said, mend))
        else:
            free = mounts.free_bytes(there) / 1e6
            said = "{}: {}, {:,.0f} MB free".format(place, mounts.mount_type(there) or "disk", free)
            found.append(ok("state", name, said))
    return found


def write(directory: str) -> None:
    """Write a file there, and remove it. Raises OSError."""
    path = os.path.join(directory, ".rbridge-doctor-{}".format(os.getpid()))
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        try:
            file.write(bytes(65536))
            file.flush()
            os.fsync(file.fileno())
        finally:
            os.unlink(path)


def processes() -> "List[Finding]":
    """Our processes in the background."""
    found = []
    for answer in asking.ask("status", {}):
        pid = 0
        try:
            intercom = handover.call(answer.path)
            pid = ancestry.listener(intercom.sock)
            intercom.close()
        except handover.Declined:
            pass
        if answer.trouble:
            said = "the process in the background, pid {}, does not answer: {}".format(pid, answer.trouble)
            found.append(
                warning("client", "client-hung", said, "kill -CONT {0}  # or end it: kill {0}".format(pid))
            )
            continue
        rows = answer.of("row")
        said = "in the background: pid {}, {} open".format(pid, len(rows))
        memory = rcfiles.read_text("/proc/{}/status".format(pid)).partition("VmRSS:")[2].split()[:1]
        said += ", {:.0f} MB".format(int(memory[0]) / 1024) if memory else ""
        away = sum(row.get("connected") != "yes" for row in rows)
        if away:
            said += ", {} of them not connected".format(away)
            found.append(warning("client", "not-connected", said, CONNECT))
        else:
            found.append(ok("client", "client", said))
    return found


def texts() -> "List[Finding]":
    """What never got here, and what a crash left."""
    found = []
    missing, trouble = asking.undelivered({})
    if missing or trouble:
        said = trouble or "only a laptop has the newest text of {} file(s)".format(len(missing))
        mend = "rbridge status names them; on the laptop: rbridge recover"
        found.append(warning("saves", "texts-kept", said, mend))
    place = leftovers.directory(paths.state_dir(False))
    names = os.listdir(place) if os.path.isdir(place) else []
    torn = sum(one.endswith(".json") and journal.is_dead(one, 0.0) for one in names)
    if torn:
        said = "{} save(s) in place were cut short".format(torn)
        found.append(warning("saves", "torn", said, "the next rbridge open finishes or undoes them"))
    return found


def languages() -> "List[Finding]":
    """The administrator's settings, and the language servers that this shell has."""
    found = []
    said = rcfiles.parse_config(rcfiles.read_text(rcfiles.SYSTEM))
    if said:
        words = ", ".join("{} = {}".format(name, value) for name, value in sorted(said.items()))
        found.append(ok("host", "administrator", "{} says {}".format(rcfiles.SYSTEM, words)))
    configured = servers.settings(os.environb)
    if configured.off:
        return found + [ok("languages", "languages", configured.off)]
    for fault in configured.faults.values():
        found.append(warning("languages", "languages-setting", fault, "mend " + quote(paths.config_file())))
    path = os.environb.get(b"PATH", b"")
    known = [servers.located(words.split(), spoken, kind, path) for words, spoken, kind, _ in servers.TABLE]
    for language, commands in configured.commands.items():
        known += [servers.located(words, (language,), servers.TYPES, path) for words in commands]
    there = sorted({"{} ({})".format(one.name, one.languages[0]) for one in known if one is not None})
    line = "language servers on this PATH: {}".format(
        ", ".join(there) or "none; pip install basedpyright, say"
    )
    return found + [ok("languages", "languages", line)]
