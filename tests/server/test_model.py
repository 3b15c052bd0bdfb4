"""The document against a model of its host: whatever happens, in whatever order, every promise holds.

Edit, save, cut, resume, a change on the host, a crash of either side, a full disk, resolve. The file is
exactly a version that somebody wrote; what is acknowledged is on the disk; what is not is in the spool, or
its user was told; nothing that nobody has seen is overwritten.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from rbridge.adapters.base import State
from rbridge.server.events import ABSENT
from tests.server.model import World

TEXTS = st.sampled_from(["v0", "a", "b", "c", "d", "e"])


class Life(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.world = World()

    @property
    def open(self):
        return self.world.editor is not None and self.world.document.state is not State.CLOSED

    @precondition(lambda self: self.open)
    @rule(text=TEXTS)
    def save(self, text):
        self.world.save(text)

    @precondition(lambda self: self.world.queue)
    @rule()
    def take_next(self):
        self.world.take_next()

    @rule(text=st.one_of(TEXTS, st.just(ABSENT)))
    def host_changes(self, text):
        self.world.host_changes(text)

    @rule(full=st.booleans())
    def disk_full(self, full):
        self.world.host.full = full

    @rule(possible=st.booleans())
    def editor_takes_texts(self, possible):
        self.world.can_replace = possible

    @precondition(lambda self: self.world.up)
    @rule()
    def host_hears(self):
        self.world.host_hears()

    @precondition(lambda self: self.world.down)
    @rule()
    def laptop_hears(self):
        self.world.laptop_hears()

    @precondition(lambda self: self.world.document.attached)
    @rule()
    def cut(self):
        self.world.cut()

    @precondition(lambda self: self.world.document.attached)
    @rule(written=st.booleans())
    def host_dies(self, written):
        self.world.host_dies(written)

    @precondition(lambda self: not self.world.ended)
    @rule(really=st.integers(0, 9))
    def daemon_dies(self, really):
        if not really:
            self.world.daemon_dies()

    @rule(linked=st.booleans())
    def second_name(self, linked):
        self.world.host.linked = linked

    @precondition(lambda self: not self.world.document.attached and not self.world.ended)
    @rule()
    def resume(self):
        self.world.resume()

    @rule()
    def no_answer(self):
        self.world.no_answer()

    @rule(choose=st.sampled_from(["mine", "theirs", "over"]))
    def settle(self, choose):
        self.world.settle(choose)

    @precondition(lambda self: self.open)
    @rule(really=st.integers(0, 9))
    def close(self, really):
        if not really:
            self.world.close()

    def teardown(self):
        self.world.settle_down()


# In the same order each time, so that a failure is found again; others, and more of them, with --all.
Life.TestCase.settings = settings(
    max_examples=3 * settings.default.max_examples,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestLife = Life.TestCase
