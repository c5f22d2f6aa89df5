"""Lines that other readers trip over."""

from linting import write

from seqtag.linter.linter import check_corpus


def test_lines_that_other_readers_trip_over_are_found(tmp_path):
    text = "# a = comment\n1\t#go\tO\n2\tnow\tO\n\t\n# a = b\n1\t#\tO\n \n"
    numbered = check_corpus(write(tmp_path / "a.conllu", text))
    assert [e.place for e in numbered.of_kind("filled_separator").examples] == [
        f"{tmp_path / 'a.conllu'}:{n}" for n in (4, 7)
    ]
    assert numbered.of_kind("hash_token") is None  # a number stands before them
    path = write(tmp_path / "b.conll", "We\tO\n#go\tO\n\n#\tO\nx#\tO\n")
    assert [(e.place, e.text) for e in check_corpus(path).of_kind("hash_token").examples] == [
        (f"{path}:2", "'#go'"),
        (f"{path}:4", "'#'"),
    ]
    folder = tmp_path / "slots"
    write(folder / "seq.in", "go  home\n# now\nplay it \n")
    write(folder / "seq.out", "O O\nO O\nO O\n")
    findings = check_corpus(folder)
    assert [e.place for e in findings.of_kind("double_blank").examples] == [f"{folder / 'seq.in'}:1"]
    assert findings.of_kind("hash_token") is None
    path = write(tmp_path / "c.csv", 'text,label\n"one\ntwo",a\nthree,b\n')
    assert [e.place for e in check_corpus(path, task="classify").of_kind("line_break").examples] == [f"{path}:2"]
