import pytest

from wattwarden.storage.proof.tree import MAX_DEPTH, climbed, paths_of, root_of

# Of the reference implementation of RFC 6962.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("count", ROOTS, ids=str)
def test_roots_are_those_of_rfc_6962(count: int) -> None:
    assert root_of(LEAVES[:count]).hex() == ROOTS[count]


def test_nothing_has_the_hash_of_nothing() -> None:
    assert root_of([]).hex().startswith("e3b0c44298fc1c14")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33], ids=str)
def test_every_leaf_climbs_to_the_root_and_only_from_its_own_place(count: int) -> None:
    leaves = [bytes([place]) for place in range(count)]
    root = root_of(leaves)
    for place, path in enumerate(paths_of(leaves, range(count))):
        assert climbed(leaves[place], place, count, path) == root
        assert climbed(b"other", place, count, path) != root
        assert climbed(leaves[place], place, count, [*path, bytes(32)]) != root
        if path:
            assert climbed(leaves[place], place, count, path[1:]) != root
            assert climbed(leaves[place], place ^ 1, count, path) != root


@pytest.mark.parametrize(
    ("place", "count", "depth"),
    [(-1, 2, 1), (2, 2, 1), (0, 0, 0), (0, 2**50, MAX_DEPTH + 1)],
    ids=["before the first", "behind the last", "of nothing", "too deep"],
)
def test_what_fits_no_tree_leads_nowhere(place: int, count: int, depth: int) -> None:
    assert climbed(b"", place, count, [bytes(32)] * depth) is None
