"""Train, save, load and ask each system of the benchmark.

    python recipes/benchmark_systems.py '{"system": "spacy", "stage": "check"}'

`benchmark.py` runs this file once for each step, in a fresh process of the interpreter that has the system installed.
Each function therefore imports its packages itself, and the file as such needs the standard library alone.
`benchmark_measures.py` explains the job.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from benchmark_measures import BASE, multiply_adds, work


@dataclass(frozen=True, kw_only=True)
class System:
    """The functions that train, save, load and ask one system."""

    module: str  # the package to import; its release is the system's
    # (job, train, dev, after_epoch) -> the model, and the tokens per second and passes of its training. A split is a
    # pair of token lists and tag lists. `after_epoch` gets the seconds of training so far, and the model or its F1.
    train: Callable[..., Any]
    save: Callable[..., Any]  # (model, folder) -> None
    load: Callable[..., Any]  # (job, folder) -> the model that was saved there
    tags: Callable[..., Any]  # (model, token lists) -> lists of IOB2 tags
    spans: Callable[..., Any] | None = None  # (model, raw texts) -> spans; None if the system reads tokens only
    files: Callable[..., Any] = lambda job, folder: folder.rglob("*")  # those of the saved files that predicting needs
    load_with_batches: Callable[..., Any] | None = None  # (job, folder, most padded tokens per batch) -> the model


# -- seqtag: trained with torch, and asked through torch and two exports -----------------------------------------------

# Each engine has its own folder, so that its row can't show another one. int8 is forced, since the table shows F1.
ENGINES = {  # the file that holds the network, and the options of its export
    BASE: ("model.safetensors", None),
    "seqtag onnx": ("model.onnx", {}),
    "seqtag int8": ("model.int8.onnx", {"int8": True, "force": True}),
}


def train_seqtag(job, train, dev, after_epoch):
    from seqtag import Tagger

    class EpochClock:
        """Watch `fit` and add up the seconds of training, without those of scoring dev."""

        seconds = 0.0
        step = close = lambda self, **progress: None

        def start(self, *, epochs, steps):
            self.steps = steps

        def epoch(self, record):
            self.seconds += record.seconds
            after_epoch(self.seconds, f1=100 * record.dev_score)  # the strict F1 that a report would show

    clock = EpochClock()
    tagger = Tagger(hidden_size=job["hidden_size"], epochs=job["epochs"], device=job["device"])
    tagger.fit(*train, dev=dev, watchers=[clock])
    num_tokens, passes, options = sum(map(len, train[0])), len(tagger.history_), tagger.get_params()
    sizes = {"num_tags": len(tagger.tagset_.names), "num_characters": tagger.vocabulary_.num_characters}
    operations = {
        "train_operations": multiply_adds(options, **sizes, tokens_per_batch=num_tokens / clock.steps),
        "predict_operations": multiply_adds(options, **sizes, tokens_per_batch=options["max_tokens"]),
    }
    return tagger, {"train": passes * num_tokens / clock.seconds, "passes": passes, **operations}


def save_seqtag(tagger, folder, engines=tuple(ENGINES)):
    for engine in engines:
        tagger.save(folder / engine)
        _, export_options = ENGINES[engine]
        if export_options is not None:
            tagger.export(folder / engine, **export_options)


def load_seqtag(job, folder):
    engine = job["system"]
    if engine == BASE:
        from seqtag import Tagger

        return Tagger.load(folder / engine, device=job["device"])
    from seqtag.runtime import load  # without torch, so that the peak of memory is that of the export

    return load(folder / engine, int8=engine == "seqtag int8", threads=job["threads"])


def load_seqtag_with_batches(job, folder, max_tokens):
    """Write the trained model anew, for batches of at most so many padded tokens, and load it through the engine."""
    from seqtag import Tagger

    changed = folder / f"batches of {max_tokens}"
    tagger = Tagger.load(folder / BASE, device="cpu").set_params(max_tokens=max_tokens)
    save_seqtag(tagger, changed, [job["system"]])
    return load_seqtag(job, changed)


def seqtag_files(job, folder):
    network, _ = ENGINES[job["system"]]
    return [folder / job["system"] / file for file in ("config.json", "vocabulary.json", network)]


# -- crfsuite: a linear chain on the usual features of a word and its neighbours ---------------------------------------

# It runs up to 100 iterations, as its users let it on any corpus; each iteration is one pass over the corpus.
CRFSUITE = {"algorithm": "lbfgs", "c1": 0.1, "c2": 0.1, "max_iterations": 100, "all_possible_transitions": True}


def crfsuite_features(tokens):
    """Describe each token by its form, affixes, case, digits and shape, and by the form and case of its neighbours.

    >>> first, second = crfsuite_features(["Ada", "slept"])
    >>> first["shape"], first["+1:lower"], second["suffix2"], "-1:edge" in first
    ('Xxx', 'slept', 'pt', True)
    """
    forms = [{"lower": token.lower(), "title": token.istitle(), "upper": token.isupper()} for token in tokens]
    rows = []
    for i, token in enumerate(tokens):
        shape = "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in token[:8])
        row = {"bias": 1, "digit": token.isdigit(), "shape": shape, "prefix3": token[:3]}
        row |= forms[i] | {"suffix2": token[-2:], "suffix3": token[-3:]}
        for side, neighbour in (("-1", i - 1), ("+1", i + 1)):
            if 0 <= neighbour < len(tokens):
                row |= {f"{side}:{name}": value for name, value in forms[neighbour].items()}
            else:
                row[f"{side}:edge"] = 1
        rows.append(row)
    return rows


def train_crfsuite(job, train, dev, after_epoch):
    from sklearn_crfsuite import CRF

    started = time.perf_counter()
    model = CRF(**CRFSUITE).fit(list(map(crfsuite_features, train[0])), train[1])
    seconds = time.perf_counter() - started
    passes = len(model.training_log_.iterations)
    after_epoch(seconds, model)
    return model, {"train": passes * sum(map(len, train[0])) / seconds, "passes": passes}


def save_crfsuite(model, folder):
    folder.mkdir(parents=True)
    (folder / "model.crfsuite").write_bytes(Path(model.modelfile.name).read_bytes())


def load_crfsuite(job, folder):
    from sklearn_crfsuite import CRF

    return CRF(**CRFSUITE, model_filename=str(folder / "model.crfsuite"))


def crfsuite_tags(model, sentences):
    return [list(tags) for tags in model.predict(list(map(crfsuite_features, sentences)))]


# -- spaCy: a blank pipeline with its NER, on the CPU ------------------------------------------------------------------


def train_spacy(job, train, dev, after_epoch):
    import spacy
    from spacy.tokens import Doc
    from spacy.training import Example, biluo_tags_to_spans, iob_to_biluo
    from spacy.util import fix_random_seed, minibatch

    def example(tokens, tags):
        gold = Doc(nlp.vocab, words=tokens)
        gold.ents = biluo_tags_to_spans(gold, iob_to_biluo(tags))
        return Example(Doc(nlp.vocab, words=tokens), gold)

    fix_random_seed(0)
    nlp, seconds, epochs = spacy.blank("xx"), 0.0, job["epochs"] or 30
    nlp.add_pipe("ner")
    examples = [example(tokens, tags) for tokens, tags in zip(*train)]
    nlp.initialize(lambda: examples)
    for epoch in range(epochs):
        random.Random(epoch).shuffle(examples)
        started = time.perf_counter()
        for batch in minibatch(examples, 32):
            nlp.update(batch, drop=0.2)
        seconds += time.perf_counter() - started
        after_epoch(seconds, nlp)
    return nlp, {"train": epochs * sum(map(len, train[0])) / seconds, "passes": epochs}


def save_spacy(nlp, folder):
    nlp.to_disk(folder)


def load_spacy(job, folder):
    import spacy

    return spacy.load(folder)


def spacy_tags(nlp, sentences):
    from spacy.tokens import Doc

    docs = nlp.pipe([Doc(nlp.vocab, words=tokens) for tokens in sentences], batch_size=256)
    return [[t.ent_iob_ + (f"-{t.ent_type_}" if t.ent_type_ else "") for t in doc] for doc in docs]


def spacy_spans(nlp, texts):
    docs = nlp.pipe(texts, batch_size=256)
    return [[(span.start_char, span.end_char, span.label_) for span in doc.ents] for doc in docs]


# -- Flair: BiLSTM-CRF of 256 units on word and character embeddings, SGD, nothing pretrained --------------------------


def train_flair(job, train, dev, after_epoch):
    """Train on all sentences for `--until`, but for the table one epoch on some of them, which shows speed alone."""
    import tempfile

    import flair
    from flair.data import Corpus, Dictionary, Sentence
    from flair.datasets import FlairDatapointDataset
    from flair.embeddings import CharacterEmbeddings, OneHotEmbeddings, StackedEmbeddings
    from flair.models import SequenceTagger
    from flair.trainers import ModelTrainer
    from flair.trainers.plugins import TrainerPlugin

    class EpochClock(TrainerPlugin):
        seconds = 0.0

        @TrainerPlugin.hook
        def before_training_epoch(self, **progress):
            self.started = time.perf_counter()

        @TrainerPlugin.hook
        def after_training_epoch(self, **progress):
            self.seconds += time.perf_counter() - self.started
            after_epoch(self.seconds, model)

    def labelled(tokens, tags):
        sentence = Sentence(tokens)
        for start, tag in enumerate(tags):
            if tag.startswith("B-"):
                end = next((i for i in range(start + 1, len(tags)) if not tags[i].startswith("I-")), len(tags))
                sentence[start:end].add_label("ner", tag[2:])
        return sentence

    flair.set_seed(0)
    epochs, num_sentences = (job["epochs"] or 30, None) if job["until"] else (1, job["flair_sentences"])
    sentences = [labelled(tokens, tags) for tokens, tags in zip(*train)][:num_sentences]
    corpus = Corpus(train=FlairDatapointDataset(sentences), sample_missing_splits=False)
    characters = Dictionary()
    for character in chain.from_iterable(token.text for token in chain.from_iterable(sentences)):
        characters.add_item(character)
    words = OneHotEmbeddings.from_corpus(corpus, min_freq=1, embedding_length=100)
    embeddings = StackedEmbeddings([words, CharacterEmbeddings(characters)])
    labels = corpus.make_label_dictionary("ner", add_unk=False)
    model, clock = SequenceTagger(embeddings, labels, "ner", hidden_size=256, use_crf=True), EpochClock()
    options = {"learning_rate": 0.1, "mini_batch_size": 32, "embeddings_storage_mode": "none"}
    options |= {"save_final_model": False, "create_file_logs": False, "create_loss_file": False}
    with tempfile.TemporaryDirectory() as folder:
        ModelTrainer(model, corpus).train(folder, max_epochs=epochs, plugins=[clock], **options)
    return model, {"train": epochs * sum(map(len, sentences)) / clock.seconds, "passes": epochs}


def save_flair(model, folder):
    folder.mkdir(parents=True)
    model.save(folder / "model.pt")


def load_flair(job, folder):
    from flair.models import SequenceTagger

    return SequenceTagger.load(folder / "model.pt")


def flair_tags(model, sentences):
    rows = [["O"] * len(tokens) for tokens in sentences]
    for row, spans in zip(rows, flair_spans(model, [list(tokens) for tokens in sentences])):
        for span in spans:
            start, end = span[0].idx - 1, span[-1].idx
            row[start:end] = [f"B-{span.tag}", *[f"I-{span.tag}"] * (end - start - 1)]
    return rows


def flair_spans(model, texts):
    """Find the spans of texts, which Flair cuts into tokens, or of token lists, which it takes as they are."""
    from flair.data import Sentence

    sentences = [Sentence(text) for text in texts]
    model.predict(sentences, mini_batch_size=32, embedding_storage_mode="none")
    return [sentence.get_spans("ner") for sentence in sentences]


SEQTAG = System(
    module="seqtag",
    train=train_seqtag,
    save=save_seqtag,
    load=load_seqtag,
    tags=lambda tagger, sentences: tagger.predict(sentences),
    spans=lambda tagger, texts: tagger.predict_spans(texts),
    files=seqtag_files,
    load_with_batches=load_seqtag_with_batches,
)
SYSTEMS = {
    **dict.fromkeys(ENGINES, SEQTAG),
    "crfsuite": System(
        module="sklearn_crfsuite", train=train_crfsuite, save=save_crfsuite, load=load_crfsuite, tags=crfsuite_tags
    ),
    "spacy": System(
        module="spacy", train=train_spacy, save=save_spacy, load=load_spacy, tags=spacy_tags, spans=spacy_spans
    ),
    "flair": System(
        module="flair", train=train_flair, save=save_flair, load=load_flair, tags=flair_tags, spans=flair_spans
    ),
}

if __name__ == "__main__":
    work(SYSTEMS)
