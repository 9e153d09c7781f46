"""Tokens to come back with: what they look like, what is kept of them, which belong to a connection."""

from __future__ import annotations

import re

from holomush.auth.tokens import ResumeToken, ResumeTokens, digest_of, new_token


def test_tokens_are_22_characters_that_can_be_typed_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert all(re.fullmatch("[A-Za-z0-9_-]{22}", token) for token in tokens)


def test_what_is_kept_does_not_hold_the_token() -> None:
    token = new_token()
    assert re.fullmatch("[0-9a-f]{64}", digest_of(token))
    assert token not in digest_of(token)
    assert digest_of(token) == digest_of(token) != digest_of(token.swapcase())
    assert digest_of("\ud800") != digest_of("")  # whatever somebody sends


def test_a_connection_leads_to_its_tokens() -> None:
    tokens = ResumeTokens()
    one, other = ResumeToken("1", "s", "bob", 0), ResumeToken("2", "s", "bob", 5)
    tokens.apply({"1": one, "2": other, "3": ResumeToken("3", "t", "alice", 0)})
    assert tokens.of_session("s") == [one, other]
    assert tokens.of_characters({"bob", "nobody"}) == [one, other]
    moved = ResumeToken("1", "t", "bob", 0)
    tokens.apply({"1": moved})
    assert tokens.of_session("s") == [other]
    assert moved in tokens.of_session("t")
    tokens.apply({"1": None, "2": None, "3": None})
    assert tokens.of_session("s") == tokens.of_session("t") == []
    assert len(tokens) == 0
