"""Ports of hosts on the laptop: whose, after which question, and what becomes of connections."""

from __future__ import annotations

import socket

import pytest
import trio

from rbridge.server import ports
from tests.harness.wait import free_port
from tests.server.conftest import SECRET
from tests.server.gpu import WHO, Gpu, broken, connect, read

OTHER = "ff" * 16
pytestmark = pytest.mark.usefixtures("stopped")


@pytest.fixture
async def stopped(laptop):
    """No port is left at the end."""
    yield
    laptop.documents.stopping = True
    for port in list(laptop.documents.ports):
        port.leave()
    await laptop.until(lambda: not laptop.documents.ports)


async def test_a_connection_is_carried_both_ways_and_each_side_ends_for_itself(laptop):
    gpu = await Gpu(laptop).begin()
    number = free_port()
    assert await gpu.port(number) == number
    client = await connect(laptop, number)
    await client.send_all(b"question")
    line = await gpu.stream()
    assert await line.hear() == ("bytes", {}, b"question")
    await line.host.say("bytes", b"answer")
    assert await client.receive_some() == b"answer"
    await line.host.say("bytes", last="yes")
    assert await client.receive_some() == b""
    await client.send_all(b"still here")
    assert await line.hear() == ("bytes", {}, b"still here")
    await client.send_eof()
    assert await line.hear() == ("ended", {"token": "p"}, b"")
    await line.host.say("ended", token="p", reason="closed")
    await laptop.until(lambda: line.host and not next(iter(laptop.documents.ports))._carried)
    (session,) = laptop.sessions
    assert len(session._spare) == len(session._joined)  # it serves for the next one


async def test_the_end_of_what_the_program_here_sends_comes_first(laptop):
    gpu = await Gpu(laptop).begin()
    client = await connect(laptop, await gpu.port())
    await client.send_all(b"all")
    await client.send_eof()
    line = await gpu.stream()
    assert [(await line.hear())[0] for _ in range(2)] == ["bytes", "ended"]
    await line.host.say("bytes", b"the answer")
    await line.host.say("ended", token="p", reason="closed")
    assert await read(client) == b"the answer"


@pytest.mark.parametrize("family", ["127.0.0.1", "::1"])
async def test_it_is_on_the_loopback_of_both_families_and_nowhere_else(laptop, family):
    gpu = await Gpu(laptop).begin()
    number = await gpu.port()
    client = await connect(laptop, number, family)
    await client.send_all(b"x")
    assert await (await gpu.stream()).hear() == ("bytes", {}, b"x")
    (port,) = laptop.documents.ports
    assert sorted(one.getsockname()[0] for one in port._listening) == ["127.0.0.1", "::1"]


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_one_that_is_taken_in_either_family_is_another_one_and_that_is_said(laptop, family):
    gpu = await Gpu(laptop).begin()
    place = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.create_server((place, 0), family=family) as s:
        number = s.getsockname()[1]
        await gpu.main.say("port", token="p", port="7", wanted=str(number))
        await gpu.hear()
        await gpu.answer()
        command, headers, _ = await gpu.hear()
        local = int(headers["editor"].rpartition(":")[2])
    assert command == "opened"
    assert local > number
    assert headers["note"] == f"{number} is taken on the laptop: it is {local}"


async def test_one_that_is_configured_needs_no_question_and_its_user_hears_where_it_is(laptop, caplog):
    async def configured(identity, number):
        return (identity, number) == (WHO["identity"], 7)

    laptop.service.ports.configured = configured
    gpu = await Gpu(laptop).begin()
    with socket.create_server(("127.0.0.1", 0)) as s:
        number = s.getsockname()[1]
        await gpu.main.say("port", token="p", port="7", wanted=str(number))
        command, headers, _ = await gpu.hear()
        assert command == "opened"
    note = f"{number} is taken on the laptop: it is {headers['editor'].rpartition(':')[2]}"
    assert f"gpu1:7: {note}" in caplog.messages
    (port,) = laptop.documents.ports
    assert port.row()["message"] == f"{headers['editor']} leads there ({note})"
    assert not laptop.consent.pending()
    port.stop()
    assert laptop.service.ports.declined == {(WHO["identity"], 7)}


async def test_a_port_below_1024_is_another_one(laptop):
    gpu = await Gpu(laptop).begin()
    assert await gpu.port(80) >= 1024


@pytest.mark.parametrize("who", [{"ours": True}, {"ours": False, "nonce": "00" * 16}])
async def test_who_has_proved_nothing_has_none(laptop, who):
    host = laptop.connect(**who)
    await host.link(session=SECRET)
    await host.say("port", token="p", port="8888")
    command, headers, _ = await host.hear()
    assert (command, headers["reason"]) == ("refused", "denied")
    assert "rbridge ssh HOST" in headers["message"]
    assert not laptop.consent.pending()


async def test_the_configuration_can_turn_them_off(laptop):
    laptop.configure(ports=False)
    gpu = await Gpu(laptop).begin()
    await gpu.main.say("port", token="p", port="8888")
    assert (await gpu.hear())[1]["reason"] == "denied"


async def test_the_user_refuses(laptop):
    gpu = await Gpu(laptop).begin()
    await gpu.main.say("port", token="p", port="8888")
    await gpu.hear()
    assert await gpu.answer(False) == "gpu1 asks that programs here reach its port 8888"
    command, headers, _ = await gpu.hear()
    assert (command, headers["token"], headers["reason"]) == ("refused", "p", "denied")
    await laptop.until(lambda: not laptop.documents.ports)


async def test_nobody_answers(laptop, clock):
    gpu = await Gpu(laptop).begin()
    await gpu.main.say("port", token="p", port="8888")
    await gpu.hear()
    laptop.consent._patience = 0.01
    await gpu.main.say("port", token="q", port="8889")
    await gpu.hear()
    assert (await gpu.hear())[1]["reason"] == "unanswered"


async def test_it_is_asked_once_for_each_port_of_a_host(laptop):
    gpu = await Gpu(laptop).begin()
    number = free_port()
    await gpu.port(number)
    await gpu.main.say("close", token="p")
    await laptop.until(lambda: not laptop.documents.ports)
    await gpu.main.say("port", token="q", port=str(number))
    assert await gpu.opened() == number
    await gpu.main.say("port", token="r", port=str(free_port()))
    assert (await gpu.hear())[0] == "state"
    other = await Gpu(laptop, name="gpu2", identity="00" * 8).begin(OTHER)
    await other.main.say("port", token="p", port=str(number))
    assert (await other.hear())[0] == "state"


async def test_a_host_has_so_many_and_no_more(laptop, monkeypatch):
    monkeypatch.setattr(ports, "PORTS", 2)
    gpu = await Gpu(laptop).begin()
    for token in "pq":
        await gpu.port(token=token)
    await gpu.main.say("port", token="r", port="7")
    assert (await gpu.hear())[1]["reason"] == "busy"
    assert not laptop.consent.pending()


async def test_a_host_asks_so_much_at_a_time_and_no_more(laptop):
    gpu = await Gpu(laptop).begin()
    for number in range(1, ports.ASKING + 2):
        await gpu.main.say("port", token=f"p{number}", port=str(number))
    heard = [await gpu.hear() for _ in range(ports.ASKING + 1)]
    assert sorted(one[0] for one in heard) == ["refused", *["state"] * ports.ASKING]
    assert len(laptop.consent.pending()) == ports.ASKING


async def test_where_nothing_listens_the_connection_is_broken_off(laptop):
    gpu = await Gpu(laptop).begin()
    client = await connect(laptop, await gpu.port())
    line = await gpu.stream()
    await line.host.say("ended", token="p", reason="refused", message="nothing listens")
    assert await broken(client)


@pytest.mark.parametrize("how", ["line", "main"])
async def test_what_was_cut_is_not_taken_for_the_whole(laptop, how):
    gpu = await Gpu(laptop).begin()
    client = await connect(laptop, await gpu.port())
    line = await gpu.stream()
    await line.host.say("bytes", b"half of")
    assert await client.receive_some() == b"half of"
    await (line.host.hang_up() if how == "line" else gpu.hang_up())
    assert await broken(client)


async def test_a_program_that_breaks_off_is_broken_off_there(laptop):
    gpu = await Gpu(laptop).begin()
    client = await connect(laptop, await gpu.port())
    line = await gpu.stream()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0" + bytes(4))
    client.socket.close()
    assert (await line.hear())[0] == "eof"


async def test_it_waits_for_a_tunnel_that_is_on_its_way_back(laptop):
    gpu = await Gpu(laptop).begin()
    number = await gpu.port()
    await gpu.hang_up()
    (session,) = laptop.sessions
    await laptop.until(lambda: session.peer is None)
    client = await connect(laptop, number)
    await client.send_all(b"hello")
    again = await Gpu(laptop).begin(standing="resumed", resume="yes")
    await again.main.say("resume", token="p", port="7", wanted=str(number))
    assert await again.opened() == number
    assert await (await again.stream()).hear() == ("bytes", {}, b"hello")


async def test_without_a_tunnel_a_connection_is_broken_off_and_the_port_stays(laptop, monkeypatch):
    monkeypatch.setattr(ports, "BACK", 0.01)
    gpu = await Gpu(laptop).begin()
    number = await gpu.port()
    await gpu.hang_up()
    (session,) = laptop.sessions
    await laptop.until(lambda: session.peer is None)
    for _ in range(2):
        assert await broken(await connect(laptop, number))


async def test_a_host_that_stays_away_loses_it(laptop, monkeypatch):
    monkeypatch.setattr(ports, "GONE", 0.01)
    gpu = await Gpu(laptop).begin()
    await gpu.port()
    await gpu.hang_up()
    await laptop.until(lambda: not laptop.documents.ports)


async def test_a_daemon_that_was_started_anew_asks_and_has_it_again(laptop):
    gpu = await Gpu(laptop).begin(resume="yes")
    number = free_port()
    await gpu.main.say("resume", token="p", port="7", wanted=str(number))
    assert (await gpu.hear())[1]["state"] == "asking"
    await gpu.answer()
    assert await gpu.opened() == number


async def test_one_that_a_client_has_left_behind_makes_way(laptop):
    gpu = await Gpu(laptop).begin()
    number = free_port()
    await gpu.port(number)
    await gpu.hang_up()
    await laptop.until(lambda: all(one.peer is None for one in laptop.sessions))
    other = await Gpu(laptop).begin(OTHER)
    await other.main.say("port", token="q", port=str(number))
    assert await other.opened() == number


async def test_it_is_listed_and_closed_on_the_laptop(laptop):
    from rbridge.server.overview import Overview

    gpu = await Gpu(laptop).begin()
    number = free_port()
    await gpu.port(number)
    overview = Overview(laptop.documents)
    (row,) = overview.rows()["rows"]
    assert (row["host"], row["path"], row["state"]) == ("gpu1", str(number), "port")
    assert row["message"] == f"http://127.0.0.1:{number} leads there"
    answer = await overview.close([row["id"]])
    assert answer["closed"] == [row["id"]]
    assert await gpu.hear() == ("close", {"token": "p"}, b"")
    with pytest.raises(OSError, match="refused|127.0.0.1"):
        await connect(laptop, number)


async def test_many_connections_at_a_time_are_served_in_turn(laptop, monkeypatch):
    monkeypatch.setattr(ports, "CONNECTIONS", 4)
    gpu = await Gpu(laptop).begin()
    number = await gpu.port()
    got = []

    async def ask(text):
        client = await connect(laptop, number)
        await client.send_all(text)
        got.append(await read(client))
        await client.aclose()

    async def serve():
        while True:
            nursery.start_soon(one, await gpu.stream())

    async def one(line):
        _, _, body = await line.hear()
        (port,) = laptop.documents.ports
        assert len(port._carried) <= 4
        await line.host.say("bytes", body)
        await line.host.say("bytes", last="yes")
        assert (await line.hear())[0] == "ended"
        await line.host.say("ended", token="p", reason="closed")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        async with trio.open_nursery() as asking:
            for index in range(20):
                asking.start_soon(ask, b"%d" % index)
        nursery.cancel_scope.cancel()
    assert sorted(got, key=int) == [b"%d" % index for index in range(20)]


async def test_neither_a_port_nor_a_page_ends_the_connection(laptop):
    gpu = await Gpu(laptop).begin()
    await gpu.main.say("port", token="p", port="0")
    await laptop.until(lambda: not [one for one in laptop.sessions if one.peer])


async def test_an_answer_about_it_makes_no_sense_and_does_no_harm(laptop):
    gpu = await Gpu(laptop).begin()
    number = await gpu.port()
    await gpu.main.say("answer", b"x", token="p", request="1")
    await gpu.main.say("gone", token="p", reason="gone", message="x")
    client = await connect(laptop, number)
    await client.send_all(b"x")
    assert (await (await gpu.stream()).hear())[2] == b"x"


async def test_a_page_that_was_allowed_is_the_one_that_is_shown():
    page = ports.Port.__new__(ports.Port)
    page.number, page._url = 0, "https://docs.python.org/3/"
    page.browse("http://localhost:631/admin")
    assert page._url == "https://docs.python.org/3/"


async def test_so_many_pages_of_a_host_are_shown_in_a_minute_and_no_more():
    shown = ports.Ports()
    assert [shown.may_show("gpu1") for _ in range(ports.PAGES + 1)] == [True] * ports.PAGES + [False]
    assert shown.may_show("gpu2")
