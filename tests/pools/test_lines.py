"""YAML with places: plain text, anchors, and files that are traps."""

import pytest

from runs_fleet.pools.lines import Unreadable, read


@pytest.mark.parametrize("text", ["18:00", "yes", "0x10", "1_000", "2026-12-24", "1e3", "'~'"])
def test_nothing_is_guessed(text: str) -> None:
    assert read(f"a: {text}").value == {"a": text.strip("'")}


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_what_holds_nothing_was_not_written(nothing: str) -> None:
    assert read(f"a: {nothing}\nb: 1").value == {"b": "1"}


def test_everything_has_its_place() -> None:
    places = read("a:\n  - b: 1\n    c: {d: 2}\n  - 3\n").places
    assert places[("a",)] == (1, 1)
    assert places["a", 0, "c", "d"] == (3, 9)
    assert places["a", 1] == (4, 5)


def test_what_was_not_written_is_told_where_it_would_stand() -> None:
    found = read("a:\n  b: {c: 1}\n").mistake(("a", "b", "d", 3), "what")
    assert (found.line, found.column, found.field) == (2, 3, "a.b.d[3]")


def test_what_is_merged_in_gives_way_to_what_stands_beside_it() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  b: 5\n  <<: [*x, *y]\nw: {<<: *y}\n"
    value = read(text).value
    assert value["z"] == {"a": "1", "b": "5", "c": "4"}
    assert value["w"] == {"b": "3", "c": "4"}
    assert read(text).places["z", "b"] == (4, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [*a]", "an alias stands for what holds it"),
        ("a: &a {b: *a}", "an alias stands for what holds it"),
        ("[a]: 1", "a key is one word"),
        ("a: {<<: b}", "only mappings can be merged in"),
        ("a: *b", "found undefined alias 'b'"),
        ("[" * 5000, "this is no YAML"),
        ("\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]" for n in range(1, 9))]),
         "there are more than 100000 values"),
    ],
)  # fmt: skip
def test_a_file_that_is_a_trap_is_refused(text: str, said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(text)
    assert said in caught.value.mistake.text
