from __future__ import annotations

import pytest

from autodeal_platform.idempotency import (
    IdempotencyKeyReusedError,
    InvalidIdempotencyKeyError,
    StoredAnswer,
    digest_key,
    fingerprint,
    replay_or_none,
    validate_key,
)

ASKED = fingerprint("POST", "/vehicle/1/initialize-sale", b"{}")
STORED = StoredAnswer(fingerprint=ASKED, status=201, body=b'{"order_id":1}')


def test_request_goes_on_when_its_key_is_new() -> None:
    assert replay_or_none(None, ASKED) is None


def test_answer_is_repeated_when_the_same_request_comes_again() -> None:
    assert replay_or_none(STORED, ASKED) is STORED


@pytest.mark.parametrize(
    "other",
    [
        fingerprint("POST", "/vehicle/1/initialize-sale", b'{"payment_method":"boleto"}'),
        fingerprint("POST", "/vehicle/2/initialize-sale", b"{}"),
        fingerprint("PUT", "/vehicle/1/initialize-sale", b"{}"),
    ],
)
def test_key_is_refused_when_the_request_is_another(other: str) -> None:
    with pytest.raises(IdempotencyKeyReusedError):
        replay_or_none(STORED, other)


def test_fingerprints_differ_when_path_and_body_are_cut_elsewhere() -> None:
    assert fingerprint("POST", "/ab", b"c") != fingerprint("POST", "/a", b"bc")


@pytest.mark.parametrize("key", ["a", "x" * 255, "0b2e1c4e-7f0a", "!~"])
def test_key_is_accepted_when_it_is_visible_ascii(key: str) -> None:
    assert validate_key(key) == key


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "tab\t", "é", "nul\0", "\x7f"])
def test_key_is_refused_when_it_is_not(key: str) -> None:
    with pytest.raises(InvalidIdempotencyKeyError):
        validate_key(key)


def test_digest_is_the_callers_own_when_two_callers_choose_one_key() -> None:
    assert digest_key("key", "alice") != digest_key("key", "bob")
    assert digest_key("key", "alice") == digest_key("key", "alice")
    assert len(digest_key("key")) == 64
