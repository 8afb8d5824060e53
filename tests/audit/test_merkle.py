"""Trees and proofs against the published vectors of RFC 6962, and against the plain definition."""

from __future__ import annotations

import pytest

from audit import merkle

# The tree and roots of certificate-transparency's reference tests (merkletree_test.cc), which
# carried over from RFC 6962 to RFC 9162 unchanged.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
PATHS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]


def plainly(hashes):
    """MTH as RFC 9162, 2.1.1 defines it."""
    if not hashes:
        return merkle.EMPTY
    if len(hashes) == 1:
        return hashes[0]
    middle = 1
    while middle * 2 < len(hashes):
        middle *= 2
    return merkle.node_hash(plainly(hashes[:middle]), plainly(hashes[middle:]))


def subtree(first, last):
    return plainly(HASHES_MANY[first:last])


HASHES_MANY = HASHES + [merkle.leaf_hash(str(number).encode()) for number in range(60)]


def test_the_empty_tree():
    assert merkle.EMPTY.hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert merkle.root_of([]) == merkle.EMPTY


@pytest.mark.parametrize(("size", "root"), list(enumerate(ROOTS, 1)))
def test_published_roots(size, root):
    assert merkle.root_of(HASHES[:size]).hex() == root


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_published_inclusion_proofs(index, size, path):
    made = merkle.inclusion_path(index, size, subtree)
    assert [step.hex() for step in made] == path
    root = bytes.fromhex(ROOTS[size - 1])
    assert merkle.inclusion_holds(HASHES[index], index, size, made, root)


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_published_consistency_proofs(old, new, path):
    made = merkle.consistency_path(old, new, subtree)
    assert [step.hex() for step in made] == path
    roots = [bytes.fromhex(ROOTS[size - 1]) for size in (old, new)]
    assert merkle.consistency_holds(old, roots[0], new, roots[1], made)


def test_every_proof_of_every_small_tree_holds_and_no_other_does():
    for size in range(1, 40):
        root = plainly(HASHES_MANY[:size])
        assert merkle.root_of(HASHES_MANY[:size]) == root
        for index in range(size):
            path = merkle.inclusion_path(index, size, subtree)
            leaf = HASHES_MANY[index]
            assert merkle.inclusion_holds(leaf, index, size, path, root)
            assert not merkle.inclusion_holds(HASHES_MANY[index + 1], index, size, path, root)
            assert not merkle.inclusion_holds(leaf, index, size, [*path, leaf], root)
            assert not merkle.inclusion_holds(leaf, size, size, path, root)
            if path:
                assert not merkle.inclusion_holds(leaf, index, size, path[:-1], root)
                assert not merkle.inclusion_holds(leaf, index, size, [*path[::-1], leaf], root)


def test_every_beginning_of_every_small_tree_is_proven_and_no_other():
    for new in range(1, 40):
        after = plainly(HASHES_MANY[:new])
        for old in range(1, new + 1):
            before = plainly(HASHES_MANY[:old])
            path = merkle.consistency_path(old, new, subtree)
            assert merkle.consistency_holds(old, before, new, after, path)
            assert not merkle.consistency_holds(old, HASHES_MANY[50], new, after, path)
            assert not merkle.consistency_holds(old, before, new, HASHES_MANY[50], path)
            if path:
                assert not merkle.consistency_holds(old, before, new, after, path[:-1])
                assert not merkle.consistency_holds(old, before, new, after, [*path, before])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_what_is_not_there(index, size):
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_path(index, size, subtree)
    assert not merkle.inclusion_holds(HASHES[0], index, size, [], HASHES[0])


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_nor_of_a_beginning_that_is_none(old, new):
    with pytest.raises(ValueError, match="beginning"):
        merkle.consistency_path(old, new, subtree)
    assert not merkle.consistency_holds(old, HASHES[0], new, HASHES[0], [])
