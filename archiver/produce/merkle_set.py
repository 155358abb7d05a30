"""The root over a set of lines: the same for the same lines, in whatever order they were written."""

from collections.abc import Iterable
from hashlib import sha256


def set_root(lines: Iterable[bytes]) -> bytes:
    """The Merkle tree hash (RFC 9162, 2.1.1) over the lines sorted by bytes; 32 bytes."""
    stack: list[tuple[int, bytes]] = []  # full subtrees from left to right: (height, hash)
    for line in sorted(lines):
        height, node = 0, sha256(b"\x00" + line).digest()
        while stack and stack[-1][0] == height:
            height, node = height + 1, sha256(b"\x01" + stack.pop()[1] + node).digest()
        stack.append((height, node))
    if not stack:
        return sha256(b"").digest()
    _, node = stack.pop()
    while stack:
        node = sha256(b"\x01" + stack.pop()[1] + node).digest()
    return node
