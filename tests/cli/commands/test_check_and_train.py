"""`seqtag check` and `seqtag train` say the same of a corpus: an error of the one is a refusal of the other."""

import json
from pathlib import Path

import pytest
from small_corpus import LEARN, SMALL, Run

QUICK = {"tag": [*SMALL, "--epochs", "1"], "classify": [*LEARN, "--epochs", "1"]}
FILLER = "".join(f"Ada\tB-PER\nspoke\tO\nfor\tO\n{n}\tO\nhours\tO\n\n" for n in range(5))
HEADS = "text,label\n"
ROWS = HEADS + "".join(
    f"Number {n} was {word}.,{label}\n" for n in range(6) for word, label in (("fine", "good"), ("dull", "bad"))
)


def annotated(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


ADA = {"text": "Ada Lovelace spoke", "label": [[0, 12, "PER"]]}
CUTS = {"text": "Ada Lovelace spoke", "label": [[0, 10, "PER"]]}
OVERLAP = {"text": "Ada Lovelace spoke", "label": [[0, 12, "PER"], [4, 12, "LOC"]]}

TAGGED = {
    "clean": ({"train.conll": FILLER}, ""),
    "orphan": ({"train.conll": FILLER + "in\tO\nRome\tI-LOC\n"}, ""),
    "orphan of dev": ({"train.conll": FILLER, "dev.conll": FILLER + "in\tO\nAda\tI-PER\n"}, ""),
    "no tag": ({"train.conll": FILLER + "in\tO\nRome\n"}, ""),
    "one cell of blanks": ({"train.conll": FILLER + "in\tO\nRome\t \n"}, ""),
    "odd tag": ({"train.conll": FILLER + "in\tO\nRome\tBLOC\n"}, ""),
    "odd tag, scheme named": ({"train.conll": FILLER + "in\tO\nRome\tBLOC\n"}, "/train.conll:scheme=IOB2"),
    "mixed letters": ({"train.conll": FILLER + "in\tO\nRome\tU-LOC\nAda\tI-PER\nwas\tE-PER\n"}, ""),
    "another spelling": ({"train.conll": FILLER.replace("B-PER", "b_per").replace("\tO", "\t0")}, ""),
    "only O": ({"train.conll": FILLER.replace("B-PER", "O")}, ""),
    "one plain tag": ({"train.conll": FILLER.replace("B-PER", "X").replace("\tO", "\tX")}, ""),
    "one sentence": ({"train.conll": "Ada\tB-PER\nspoke\tO\n"}, ""),
    "one sentence and dev": ({"train.conll": "Ada\tB-PER\nspoke\tO\n", "dev.conll": FILLER}, ""),
    "empty": ({"train.conll": ""}, ""),
    "empty dev": ({"train.conll": FILLER, "dev.conll": ""}, ""),
    "broken test": ({"train.conll": FILLER, "test.conll": FILLER + "broken\n"}, ""),
    "dev of other labels": ({"train.conll": FILLER, "dev.conll": FILLER.replace("PER", "LOC")}, ""),
    "test of other labels": ({"train.conll": FILLER, "test.conll": FILLER.replace("PER", "LOC")}, ""),
    "test of one label more": ({"train.conll": FILLER, "test.conll": FILLER + "in\tO\nRome\tB-LOC\n"}, ""),
    "test without labels": ({"train.conll": FILLER, "test.conll": FILLER.replace("B-PER", "O")}, ""),
    "test that is train": ({"train.conll": FILLER, "test.conll": FILLER}, ""),
    "no split train": ({"dev.conll": FILLER, "test.conll": FILLER}, ""),
    "files without splits": ({"a.conll": FILLER, "b.conll": FILLER}, ""),
    "one file without split": ({"a.conll": FILLER}, ""),
    "every tag another": ({"train.conll": "".join(f"w{n}\tB-T{n}\n" + "\n" * (n % 2) for n in range(60))}, ""),
    "one span in fifty cuts a token": ({"train.jsonl": annotated(*[ADA] * 49, CUTS)}, ""),
    "one span in two cuts a token": ({"train.jsonl": annotated(ADA, CUTS)}, ""),
    "one span in two of test": ({"train.jsonl": annotated(ADA, ADA), "test.jsonl": annotated(ADA, CUTS)}, ""),
    "overlap": ({"train.jsonl": annotated(*[ADA] * 49, OVERLAP)}, ""),
    "overlap, rule named": ({"train.jsonl": annotated(*[ADA] * 49, OVERLAP)}, "/train.jsonl:overlaps=longest"),
    "long token": ({"train.conll": FILLER + "x" * 900 + "\tO\n"}, ""),
    "damaged json": ({"train.jsonl": '{"text": '}, ""),
}
LABELLED = {
    "clean": ({"train.csv": ROWS}, ""),
    "missing label": ({"train.csv": ROWS + "So so.,\n"}, ""),
    "blank text": ({"train.csv": ROWS + " ,good\n"}, ""),
    "one class": ({"train.csv": ROWS.replace("bad", "good")}, ""),
    "one text": ({"train.csv": HEADS + "Fine.,good\n"}, ""),
    "a class of each text": ({"train.csv": HEADS + "Fine.,good\nDull.,bad\n"}, ""),
    "a class of each text and dev": ({"train.csv": HEADS + "Fine.,good\nDull.,bad\n", "dev.csv": ROWS}, ""),
    "sixty classes of sixty texts": ({"train.csv": HEADS + "".join(f"Text {n}.,c{n}\n" for n in range(60))}, ""),
    "sixty classes and dev": (
        {"train.csv": HEADS + "".join(f"Text {n}.,c{n}\n" for n in range(60)), "dev.csv": HEADS + "Text.,c1\n"},
        "",
    ),
    "dev of other labels": ({"train.csv": ROWS, "dev.csv": HEADS + "Fine.,x\nDull.,y\n"}, ""),
    "test of other labels": ({"train.csv": ROWS, "test.csv": HEADS + "Fine.,x\nDull.,y\n"}, ""),
    "test of one label more": ({"train.csv": ROWS, "test.csv": HEADS + "Fine.,good\nDull.,y\n"}, ""),
    "test that is train": ({"train.csv": ROWS, "test.csv": ROWS}, ""),
    "no split train": ({"dev.csv": ROWS, "test.csv": ROWS}, ""),
    "no word": ({"train.csv": HEADS + " ,good\n ,bad\n ,good\n ,bad\n"}, ""),
    "labels joined": ({"train.csv": ROWS + "So so.,good|bad\nAh.,bad|good\n"}, ""),
    "labels cut": (
        {"train.csv": ROWS + "So so.,good|bad\nAh.,bad|good\n"},
        "/train.csv:text=text,label=label,label_separator=|",
    ),
    "indicators": ({"train.jsonl": annotated(*[{"text": f"Text {n}", "label": [n % 2, 1]} for n in range(8)])}, ""),
    "lists of labels": (
        {"train.jsonl": annotated(*[{"text": f"Text {n}", "label": ["a", "b"][: n % 3]} for n in range(8)])},
        "",
    ),
    "lists in one split": (
        {
            "train.jsonl": annotated(*[{"text": f"Text {n}", "label": ["a", "b"][: n % 3]} for n in range(8)]),
            "dev.csv": ROWS,
        },
        "",
    ),
    "no label at all": ({"train.jsonl": annotated(*[{"text": f"Text {n}", "label": []} for n in range(8)])}, ""),
    "empty test": ({"train.csv": ROWS, "test.csv": HEADS}, ""),
}
CASES = [
    (task, name, *case) for task, cases in (("tag", TAGGED), ("classify", LABELLED)) for name, case in cases.items()
]


@pytest.mark.parametrize(("task", "name", "files", "behind"), CASES, ids=[f"{case[0]} {case[1]}" for case in CASES])
def test_check_finds_an_error_where_train_refuses(run: Run, tmp_path: Path, task, name, files, behind):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for file, content in files.items():
        (folder / file).write_text(content, encoding="utf-8")
    source = f"{folder}{behind}"
    checked = run("check", source, "--task", task)
    trained = run("train", source, "--task", task, "--out", tmp_path / "m", *QUICK[task])
    assert (checked.exit_code > 0) == (trained.exit_code > 0), f"{trained.stderr}\n{checked.stdout}"
