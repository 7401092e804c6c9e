"""Column levels made and read the quick way are the very same as pandas makes and reads."""

from __future__ import annotations

import random

import pandas as pd
import pytest

from datasources.prometheus.levels import index_of, values_of

NODES = ["g1", "c10", "c2", "", "é", "c10"]


@pytest.mark.parametrize("arrays", [
    [NODES], [NODES, ["a"] * 6], [["b", "a", "b", "c", "a", "a"], NODES, list("zyxwvu")], [[], []], [[]],
    # what is no text goes pandas' way
    [["a", None, "b"], ["1", "2", "3"]], [[1, 2, 2], ["1", "2", "3"]], [["a", float("nan")]], [pd.Index(["a", "b"]), ["1", "2"]],
])  # fmt: skip
def test_an_index_is_as_pandas_makes_it(arrays: list) -> None:
    names = [f"level{number}" for number in range(len(arrays))]
    made, pandas = index_of(arrays, names), pd.MultiIndex.from_arrays([list(one) for one in arrays], names=names)
    pd.testing.assert_index_equal(made, pandas, exact=True)
    assert made.tolist() == pandas.tolist() or pandas.isna().any() or any(one != one for row in pandas.tolist() for one in row)
    assert list(made.names) == names and made.is_unique == pandas.is_unique
    if not any(one is None or one != one for array in arrays for one in array):
        assert [values_of(made, name) for name in names] == [list(array) for array in arrays]


def test_many_values_and_frames_on_them() -> None:
    rows = random.Random(7).choices([f"c{number}" for number in range(500)], k=2000)
    columns = index_of([rows, [str(place) for place in range(2000)]], ["node", "core"])
    frame = pd.DataFrame([range(2000)], columns=columns)
    assert values_of(columns, "node") == rows and frame.xs("17", axis=1, level="core").iloc[0, 0] == 17
    assert frame[rows[5]].shape[1] == rows.count(rows[5]) and columns.get_loc((rows[9], "9")) == 9


def test_a_level_that_is_not_there_is_told() -> None:
    with pytest.raises(KeyError):
        values_of(index_of([["a"]], ["node"]), "gpu")
