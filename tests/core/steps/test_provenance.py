"""What the draft model answered is known again, within a bound."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from extproc.core.steps.provenance import Drafted, Fingerprints, fingerprint

SALT = b"salt"


def small(buckets: int = 1) -> Fingerprints:
    return Fingerprints(SALT, array("Q", bytes(8 * 8 * buckets)))


@given(st.sets(st.binary(), max_size=7), st.binary())
def test_what_was_remembered_is_known_and_nothing_else(remembered: set[bytes], other: bytes):
    memory: Drafted = small()
    for material in remembered:
        memory.remember(material)
    assert all(memory.knows(material) for material in remembered)
    assert memory.knows(other) == (other in remembered)


def test_the_oldest_is_forgotten_first():
    memory = small()
    for number in range(10):
        memory.remember(bytes([number]))
    assert [memory.knows(bytes([number])) for number in range(10)] == [False] * 3 + [True] * 7


def test_the_same_takes_one_place():
    memory = small()
    memory.remember(b"first")
    for _ in range(20):
        memory.remember(b"again")
    assert memory.knows(b"first")


@given(st.lists(st.integers(0, 2**64 - 1), min_size=16, max_size=16), st.binary())
def test_a_damaged_table_does_no_harm(numbers: list[int], material: bytes):
    memory = Fingerprints(SALT, array("Q", numbers))
    memory.remember(material)
    assert memory.knows(material)


def test_thousands_are_known_by_a_table_of_its_own():
    memory = Fingerprints(SALT)
    for number in range(5_000):
        memory.remember(b"%d" % number)
    assert all(memory.knows(b"%d" % number) for number in range(5_000))
    assert not any(memory.knows(b"%d" % number) for number in range(5_000, 10_000))


def test_a_fingerprint_depends_on_the_salt():
    assert fingerprint(b"x", b"1") != fingerprint(b"x", b"2")
    assert 0 < fingerprint(b"", b"1") < 2**64
