"""Matrices in text with missing values, positions, tables and thousands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import xrfsr
from xrfsr.errors import InvalidInput

NAN = np.nan
VALUES = np.array([[71, 15, 33, 20], [12, 94, 8, 41], [55, 3, 62, 17], [9, 28, 46, 80], [31, 66, 5, 73.0]])


def folder(path: Path, *texts: str) -> Path:
    path.mkdir()
    for name, text in zip(("Ca-K.csv", "Fe-K.csv", "Ti-K.csv"), texts, strict=False):
        (path / name).write_text(text)
    return path


def opened(path: Path, *texts: str) -> np.ndarray:
    return xrfsr.open_scan(folder(path / "maps", *texts), 1.0)["intensity"].values


def refused(path: Path, *texts: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(folder(path / "maps", *texts), 1.0)
    return str(caught.value)


def written(values: np.ndarray, separator: str = ",") -> str:
    return "".join(separator.join("" if np.isnan(one) else f"{one:g}" for one in row) + "\n" for row in values)


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
@pytest.mark.parametrize(
    "mark", ["#N/A", "#DIV/0!", "#NUM!", "#VALUE!", "#REF!", "#NV", "#n/a", "NA", "N/A", "nan", "NaN", "NULL"]
)
def test_marks_of_missing_values(tmp_path: Path, mark: str, separator: str) -> None:
    text = f"# Ca\n#N/A means missing\n7,5,3\n{mark},1,2\n4,{mark},6\n9,8,{mark}\n{mark},{mark},{mark}\n"
    found = opened(tmp_path, text.replace(",", separator))
    expected = [[7, 5, 3], [NAN, 1, 2], [4, NAN, 6], [9, 8, NAN], [NAN, NAN, NAN]]
    np.testing.assert_array_equal(found[0], expected)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["", "end"])
def test_empty_cells(tmp_path: Path, separator: str, end: str) -> None:
    end = separator if end else ""
    text = "\n".join(f"{row}{end}" for row in ("1,,3", ",5,6", "7,8,", "4,9,2"))
    found = opened(tmp_path, text.replace(",", separator))
    np.testing.assert_array_equal(found[0], [[1, NAN, 3], [NAN, 5, 6], [7, 8, NAN], [4, 9, 2]])


def test_an_empty_cell_at_the_end_of_the_first_line(tmp_path: Path) -> None:
    np.testing.assert_array_equal(opened(tmp_path, "1,2,\n3,4,5\n6,7,\n")[0], [[1, 2, NAN], [3, 4, 5], [6, 7, NAN]])


@pytest.mark.parametrize("slow", [0, 1])
@pytest.mark.parametrize("columns", [(0, 1, 2), (2, 0, 1), (0, 1, 2, 2)])
@pytest.mark.parametrize("separator", [",", "\t", " "])
def test_tables_with_one_pixel_per_line(tmp_path: Path, slow: int, columns: tuple[int, ...], separator: str) -> None:
    y, x = np.meshgrid(np.arange(5) * 0.5 - 1, np.arange(4) * 2, indexing="ij")
    order = "CF"[slow]
    table = np.stack([side.ravel(order) for side in (x, y, VALUES)], axis=1)[:, columns]
    assert "pivot(index='y', columns='x', values='value')" in refused(tmp_path, written(table, separator))


def test_three_columns_that_are_a_map(tmp_path: Path) -> None:
    np.testing.assert_array_equal(opened(tmp_path, written(VALUES[:, :3]))[0], VALUES[:, :3])


AXES = ([0, 0.5, 1, 1.5], [10, 20, 30, 40], [3, 2, 1, 0], [-0.3, -0.1, 0.1, 0.3], [0, 0.33, 0.67, 1], [6, 7, 8, 9])


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("where", ["line", "column"])
@pytest.mark.parametrize("files", [1, 3])
def test_axes(tmp_path: Path, axis: list[float], where: str, files: int) -> None:
    maps = [np.vstack([axis, np.roll(VALUES, shift, 0)[:4]]) for shift in range(files)]
    message = refused(tmp_path, *(written(one if where == "line" else one.T) for one in maps))
    assert f"is no plain matrix, because its first {where} is an axis in equal steps from {axis[0]:g}" in message
    assert message.count("no plain matrix") == 1


def test_an_axis_before_a_line_without_values(tmp_path: Path) -> None:
    assert "first line is an axis" in refused(tmp_path, "5,10,15,20\n,,,NA\n7,3,9,1\n")


@pytest.mark.parametrize("corner", [0, NAN, 7])
def test_two_axes(tmp_path: Path, corner: float) -> None:
    whole = np.block([[np.array([[corner]]), np.array([AXES[1]])], [np.array([[2, 4, 6, 8, 10]]).T, VALUES]])
    message = refused(tmp_path, written(whole), written(whole + np.pad(VALUES, ((1, 0), (1, 0)))))
    assert "first line is an axis in equal steps from 10 to 40, as in all files" in message
    assert "first column is an axis in equal steps from 2 to 10, as in all files" in message


@pytest.mark.parametrize(
    "others",
    [VALUES, np.full((5, 4), 3.0), np.outer(AXES[1], [2, 2, 2, 2]), np.vstack([[5, 10, 15, 20], VALUES[1:]])],
)
def test_steps_in_one_of_the_files_only(tmp_path: Path, others: np.ndarray) -> None:
    steps = np.vstack([AXES[1], VALUES[1 : len(others)]])
    np.testing.assert_array_equal(opened(tmp_path, written(steps), written(others)), [steps, others])


@pytest.mark.parametrize("values", [np.full((5, 6), 2), np.arange(7, 37).reshape(5, 6), VALUES[:, :3], [[5, 6, 7, 8]]])
def test_constant_and_small_maps_and_gradients(tmp_path: Path, values: np.ndarray) -> None:
    np.testing.assert_array_equal(opened(tmp_path, written(np.asarray(values)))[0], values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"1,234",5,"12,345,678"\n7,"1,000.5",9\n', [[1234, 5, 12345678], [7, 1000.5, 9]]),
        ('"1,5","2,25"\n"3,125",4\n', [[1.5, 2.25], [3.125, 4]]),
        ("1,234;0,5\n2;3\n", [[1.234, 0.5], [2, 3]]),
        ("1,234;2,345\n3,456;4,567\n", [[1.234, 2.345], [3.456, 4.567]]),
        ("0.125;5\n7;1.250\n", [[0.125, 5], [7, 1.25]]),
        ("1.234,5\n1500,7\n", [[1.234, 5], [1500, 7]]),
        ("1234\t5\n7\t8\n", [[1234, 5], [7, 8]]),
        ("1.234,2.345\nnan,nan\n3.456,12.125\n", [[1.234, 2.345], [NAN, NAN], [3.456, 12.125]]),
        ("1.234,inf\n-inf,-nan\n", [[1.234, np.inf], [-np.inf, NAN]]),
        ("1,234;2,345\nNA;NA\n", [[1.234, 2.345], [NAN, NAN]]),
    ],
)
def test_numbers_without_doubt(tmp_path: Path, text: str, expected: list[list[float]]) -> None:
    np.testing.assert_array_equal(opened(tmp_path, text)[0], np.float32(expected))


@pytest.mark.parametrize(
    ("text", "example"),
    [
        ("1,234;56\n789;12,345\n", "1,234"),
        ("1.234;56\n789;12.345\n", "1.234"),
        ("56\t1.234\n789\t12\n", "1.234"),
        ("56 789\n-1,234 0\n", "1,234"),
        ("56,1.234\n789,12.345\n", "1.234"),
        ('"1,234";"56"\n"789";"12,345"\n', "1,234"),
        ("1,234,567;1,234\n2,345;1,234\n", "1,234,567"),
        ("1.234,5;1.234\n2.345,5;1.234\n", "1.234,5"),
    ],
)
def test_thousands_or_decimals(tmp_path: Path, text: str, example: str) -> None:
    message = refused(tmp_path, text)
    assert f"has numbers such as '{example}'" in message
    assert "export it without thousands separators" in message


def test_comments_and_missing_values_in_quotes(tmp_path: Path) -> None:
    np.testing.assert_array_equal(opened(tmp_path, '"# Ca"\n""\n"5","#N/A"\n"#N/A","6"\n')[0], [[5, NAN], [NAN, 6]])
