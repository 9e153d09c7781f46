"""Passwords: the rules, and hashes that never stall the loop nor tell which accounts exist."""

import logging

import pytest
import trio
import trio.testing
from argon2 import extract_parameters

from holomush.auth.passwords import (
    CONCURRENT_HASHES,
    BadPassword,
    HashingCost,
    HashingFailed,
    PasswordHashes,
    check_password,
)

CHEAP = HashingCost(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def hashes() -> PasswordHashes:
    return PasswordHashes(CHEAP)


@pytest.mark.parametrize("password", ["hunter", "x" * 128, "correct horse battery", "\u043f\u0430\u0440\u043e\u043b\u044c"])
def test_good_passwords_are_accepted(password: str) -> None:
    check_password(password, "Bob")


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("", "at least 6"),
        ("12345", "at least 6"),
        ("x" * 129, "at most 128"),
        ("Mary  ann", "same as the name"),
        ("mARY aNN", "same as the name"),
        ("secret\x07", "control characters"),
        ("secret\udcff", "control characters"),
        (" secret", "begin or end"),
        ("      ", "begin or end"),
    ],
)
def test_bad_passwords_are_refused_with_one_line(password: str, complaint: str) -> None:
    with pytest.raises(BadPassword, match=complaint) as caught:
        check_password(password, "Mary Ann")
    assert str(caught.value).isprintable()


def test_impossible_costs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 KiB"):
        HashingCost(memory_cost=31, parallelism=4)
    with pytest.raises(ValueError, match="time_cost"):
        HashingCost(time_cost=0)


async def test_a_hash_verifies_its_own_password_only(hashes: PasswordHashes) -> None:
    stored = await hashes.hash("open sesame")
    assert stored.startswith("$argon2id$")
    assert "sesame" not in stored
    assert await hashes.verify(stored, "open sesame")
    assert not await hashes.verify(stored, "Open sesame")
    assert not await hashes.verify(stored, "")
    assert stored != await hashes.hash("open sesame")


async def test_the_same_letters_sent_differently_are_the_same_password(hashes: PasswordHashes) -> None:
    assert await hashes.verify(await hashes.hash("caf\u00e9 au lait"), "cafe\u0301 au lait")


async def test_bytes_that_were_no_text_are_just_a_wrong_password(hashes: PasswordHashes) -> None:
    assert not await hashes.verify(await hashes.hash("secret"), "secret\udcff")


async def test_an_unknown_account_costs_a_whole_verification(hashes: PasswordHashes, caplog: pytest.LogCaptureFixture) -> None:
    # Argon2 took the stand-in for a real hash (else it would be logged as damaged), and its cost is that of a real one.
    assert not await hashes.verify(None, "anything")
    assert not caplog.records
    assert extract_parameters(hashes._dummy) == extract_parameters(await hashes.hash("anything"))


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "plain text",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$!!!!$????",
        "$2b$12$abcdefghijkl",
        "\u00e9\u00e8",
        "$argon2id$\0",
    ],
)
async def test_a_damaged_hash_is_false_and_logged_without_it(
    hashes: PasswordHashes, caplog: pytest.LogCaptureFixture, damaged: str
) -> None:
    assert not await hashes.verify(damaged, "secret")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "reset that password" in record.getMessage()
    assert not damaged or damaged not in record.getMessage()
    assert hashes.needs_rehash(damaged)


async def test_needs_rehash_when_the_cost_has_changed(hashes: PasswordHashes) -> None:
    stored = await hashes.hash("secret")
    dearer = PasswordHashes(HashingCost(time_cost=2, memory_cost=8, parallelism=1))
    assert not hashes.needs_rehash(stored)
    assert dearer.needs_rehash(stored)
    assert await dearer.verify(stored, "secret")


async def test_what_the_machine_cannot_do_is_our_own_error() -> None:
    # One lane more than Argon2 has: refused before any memory is asked for.
    with pytest.raises(HashingFailed, match="could not be hashed"):
        await PasswordHashes(HashingCost(time_cost=1, memory_cost=2**27, parallelism=2**24)).hash("secret")


async def test_hashing_waits_its_turn_and_the_loop_goes_on(hashes: PasswordHashes) -> None:
    stored = await hashes.hash("secret")
    answers = []

    async def verify() -> None:
        answers.append(await hashes.verify(stored, "secret"))

    async with trio.open_nursery() as nursery:
        for holder in range(CONCURRENT_HASHES):
            await hashes._limiter.acquire_on_behalf_of(holder)
        for _ in range(5):
            nursery.start_soon(verify)
        # Returns, so nothing holds up the loop; and nobody got in while all the places were taken.
        await trio.testing.wait_all_tasks_blocked()
        assert hashes._limiter.statistics().tasks_waiting == 5
        assert not answers
        for holder in range(CONCURRENT_HASHES):
            hashes._limiter.release_on_behalf_of(holder)
    assert answers == [True] * 5
