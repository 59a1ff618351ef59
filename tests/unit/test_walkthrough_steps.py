"""What a page has its reader do is read from it in full, and what it does not say is noticed."""

import pytest

from tests.walkthrough import File, Run, prints, sections, steps

PAGE = """# A

Not this `x.py` here. Write `a.json`:

```json
{"a": 1}
```

```sh
one
two
```

```text
... 3
```

`ended.jsonl`:

```text
{"b": 2}
```

```sh
three
```

`next.jsonl`

```text
{"c": 3}
```
"""


def test_files_commands_and_what_they_print_are_told_apart() -> None:
    assert list(steps(PAGE)) == [
        File(name="a.json", text='{"a": 1}\n'),
        Run(commands="one\ntwo\n", printed="... 3\n"),
        File(name="ended.jsonl", text='{"b": 2}\n'),
        Run(commands="three\n", printed=None),
        File(name="next.jsonl", text='{"c": 3}\n'),
    ]


@pytest.mark.parametrize("before", ["", "Write it:", "`a.json` has a `key`:", "`a.json`:\n\nAnother paragraph."])
def test_code_that_no_file_holds_is_an_error(before: str) -> None:
    with pytest.raises(ValueError, match="in which file"):
        list(steps(f'# A\n\n{before}\n\n```json\n{{"a": 1}}\n```\n'))


def test_what_is_printed_is_compared() -> None:
    assert prints("a\n...\nc  d\n", "a\nb\nc d\n")
    assert not prints("a\n", "a\nb\n")
    assert not prints("a\n...\nd\n", "a\nb\n")


def test_a_section_is_left_out_and_one_that_is_gone_is_an_error() -> None:
    page = "# A\n\n## B\n\nb\n\n## C\n\nc\n"
    assert sections(page, without=frozenset({"B"})) == "# A\n\n## C\n\nc\n"
    with pytest.raises(ValueError, match=r"no section \['D'\]"):
        sections(page, without=frozenset({"D"}))
