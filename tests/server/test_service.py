from rbridge.server.service import nonce
from rbridge.wire import codec
from tests.server.conftest import IDENTITY


async def test_the_greeting_says_who_we_are(laptop):
    said = codec.parse_greeting(laptop.service.greeting())
    assert (said.laptop, said.editor, said.identity, said.nonce, said.link) == (
        "laptop",
        "ed",
        IDENTITY,
        "",
        True,
    )


async def test_where_a_proof_is_wanted_it_has_a_nonce(laptop):
    first, second = nonce(), nonce()
    assert first != second
    assert codec.parse_greeting(laptop.service.greeting(first)).nonce == first
