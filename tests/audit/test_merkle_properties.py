"""The Merkle tree against the definitions of RFC 9162, written down naively."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.audit.merkle import (
    EMPTY,
    Peaks,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LARGEST = 70
LEAVES = [leaf_hash(bytes([number])) for number in range(LARGEST)]


def half(count: int) -> int:
    """The largest power of two smaller than count."""
    k = 1
    while k * 2 < count:
        k *= 2
    return k


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = half(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = half(len(leaves))
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(size: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """PROOF and SUBPROOF of RFC 9162 section 2.1.4.1."""
    if size == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = half(len(leaves))
    if size <= k:
        return [*naive_proof(size, leaves[:k], whole=whole), naive_root(leaves[k:])]
    return [*naive_proof(size - k, leaves[k:], whole=False), naive_root(leaves[:k])]


def test_a_leaf_and_an_empty_tree_hash_as_the_rfc_says() -> None:
    """The empty tree is SHA-256 of nothing, a leaf SHA-256 of 0x00 and the entry."""
    assert EMPTY == sha256(b"").digest() == root_of([])
    assert leaf_hash(b"entry") == sha256(b"\x00entry").digest()


@pytest.mark.parametrize("size", range(LARGEST + 1))
def test_roots_and_proofs_are_those_of_the_definition(size: int) -> None:
    """For every size, index and older size: root, inclusion and consistency proof equal the definition and verify."""
    leaves = LEAVES[:size]
    root = naive_root(leaves)
    assert root_of(leaves) == root
    for index in range(size):
        path = inclusion_proof(leaves, index)
        assert path == naive_path(index, leaves)
        assert verify_inclusion(leaves[index], index, size, path, root)
    for old in range(1, size + 1):
        proof = consistency_proof(leaves, old)
        assert proof == naive_proof(old, leaves)
        assert verify_consistency(old, size, naive_root(leaves[:old]), root, proof)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=8))
def test_growing_in_any_portions_gives_the_same_root(portions: list[int]) -> None:
    """Whether leaves are added one by one or many at once, in whatever portions, the root is the same."""
    peaks, alone, start = Peaks(), Peaks(), 0
    leaves = [leaf_hash(str(number).encode()) for number in range(sum(portions))]
    for portion in portions:
        peaks.extend(leaves[start : start + portion])
        start += portion
        assert peaks.size == start
        assert peaks.root() == naive_root(leaves[:start])
    for leaf in leaves:
        alone.add(leaf)
    assert alone.root() == peaks.root()


@settings(max_examples=400, deadline=None)
@given(st.integers(1, LARGEST), st.data())
def test_a_changed_inclusion_proof_fails(size: int, data: st.DataObject) -> None:
    """Another leaf, index, size or root, a changed, added, dropped or swapped step: none verifies."""
    leaves, index = LEAVES[:size], data.draw(st.integers(0, size - 1))
    root, path = root_of(leaves), inclusion_proof(leaves, index)
    other = leaf_hash(b"other")
    assert not verify_inclusion(other, index, size, path, root)
    assert not verify_inclusion(leaves[index], index, size, path, other)
    assert not verify_inclusion(leaves[index], index, size, [*path, other], root)
    wrong = data.draw(st.integers(0, size + 3).filter(lambda one: one != index))
    assert not verify_inclusion(leaves[index], wrong, size, path, root)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not verify_inclusion(leaves[index], index, size, [*path[:at], other, *path[at + 1 :]], root)
        assert not verify_inclusion(leaves[index], index, size, [*path[:at], *path[at + 1 :]], root)


@settings(max_examples=400, deadline=None)
@given(st.integers(2, LARGEST), st.data())
def test_a_changed_consistency_proof_fails(size: int, data: st.DataObject) -> None:
    """Another old or new root, another old size, a changed, added or dropped step: none verifies."""
    old = data.draw(st.integers(1, size - 1))
    leaves = LEAVES[:size]
    before, after, proof = root_of(leaves[:old]), root_of(leaves), consistency_proof(leaves, old)
    other = leaf_hash(b"other")
    assert not verify_consistency(old, size, other, after, proof)
    assert not verify_consistency(old, size, before, other, proof)
    assert not verify_consistency(old, size, before, after, [*proof, other])
    at = data.draw(st.integers(0, len(proof) - 1))
    assert not verify_consistency(old, size, before, after, [*proof[:at], other, *proof[at + 1 :]])
    assert not verify_consistency(old, size, before, after, [*proof[:at], *proof[at + 1 :]])
    forged = [*leaves[: old - 1], other, *leaves[old:]]
    assert not verify_consistency(old, size, before, root_of(forged), consistency_proof(forged, old))


def test_a_tree_is_consistent_with_itself_only() -> None:
    """Equal sizes need equal roots and an empty proof; an older tree cannot be larger, nor empty."""
    root = root_of(LEAVES)
    assert verify_consistency(LARGEST, LARGEST, root, root, [])
    assert not verify_consistency(LARGEST, LARGEST, root, EMPTY, [])
    assert not verify_consistency(LARGEST, LARGEST, root, root, [root])
    assert not verify_consistency(LARGEST, 3, root, root_of(LEAVES[:3]), [root])
    assert not verify_consistency(0, LARGEST, EMPTY, root, [root])
