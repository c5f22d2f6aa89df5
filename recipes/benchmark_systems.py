"""Train, save, load and ask each system of the benchmark.

    python recipes/benchmark_systems.py '{"system": "spacy", "stage": "check"}'

`benchmark.py` runs this file once for each step, in a fresh process of the interpreter that has the system installed.
Each function therefore imports its packages itself, and the file as such needs the standard library alone.
`benchmark_measures.py` explains the job.
"""

import random
import tempfile
import time
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from shutil import copy
from urllib.parse import quote, unquote

from benchmark_measures import BASE, System, growing, inputs_size, multiply_adds, new_file, work

# -- seqtag: trained with torch, and asked through torch and two exports -----------------------------------------------

FILES = ("config.json", "vocabulary.json")  # that predicting needs beside the network
# Each engine has its own folder, so that its row can't show another one. int8 is forced, since the table shows F1.
ENGINES = {  # the file that holds the network, and the options of its export
    BASE: ("model.safetensors", None),
    "seqtag onnx": ("model.onnx", {}),
    "seqtag int8": ("model.int8.onnx", {"int8": True, "force": True}),
}


def train_seqtag(job, train, dev, after_epoch):
    from seqtag import Classifier, Tagger, Watcher

    class EpochClock(Watcher):
        seconds = 0.0  # without those of scoring dev

        def start(self, *, epochs, steps):
            self.steps = steps

        def epoch(self, record):
            self.seconds += record.seconds
            after_epoch(self.seconds, score=100 * record.dev_score)  # the strict F1, or accuracy, of a report

    clock, is_tagger = EpochClock(), job["task"] == "tag"
    options = job["options"] | {name: job[name] for name in ("epochs", "device") if job[name] is not None}
    model = (Tagger if is_tagger else Classifier)(**options)
    model.fit(train["rows"], train["gold"], dev=(dev["rows"], dev["gold"]), watchers=[clock])
    options, num_outputs = model.get_params(), len(model.tagset_.names if is_tagger else model.classes_)
    sizes = {"num_outputs": num_outputs, "num_characters": model.vocabulary_.num_characters}
    count, tokens_per_step = partial(multiply_adds, options, **sizes), sum(map(len, train["tokens"])) / clock.steps
    return (
        model,
        clock.seconds,
        len(model.history_),
        {
            "train_operations": count(tokens_per_batch=tokens_per_step),
            "predict_operations": count(tokens_per_batch=options["max_tokens"]),
            "shape": [2048, inputs_size(options) + options["hidden_size"], 4 * options["hidden_size"]],
        },
    )


def save_seqtag(model, folder):
    for engine, (_, export_options) in ENGINES.items():
        model.save(folder / engine)
        if export_options is not None:
            model.export(folder / engine, **export_options)


def load_seqtag(job, folder):
    engine = job["system"]
    if engine == BASE:
        from seqtag import Classifier, Tagger

        estimator = Tagger if job["task"] == "tag" else Classifier
        return estimator.load(folder / engine, device=job["device"], engine="torch")
    from seqtag.runtime import load  # without torch, so that the peak of memory is that of the export

    return load(folder / engine, int8=engine == "seqtag int8", threads=job["threads"])


# -- crfsuite: a linear chain on the usual features of a word and its neighbours ---------------------------------------


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

    def fit(number):
        model = CRF("lbfgs", c1=0.1, c2=0.1, all_possible_transitions=True, max_iterations=number)
        return model.fit(list(map(crfsuite_features, train["rows"])), train["gold"])

    # It runs up to 100 iterations, as its users let it on any corpus; each iteration is one pass over the corpus.
    model, seconds = growing(job, (5, 10, 20, 30, 40, 60, 80, 100), fit, after_epoch)
    return model, seconds, len(model.training_log_.iterations)


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
    examples = list(map(example, train["rows"], train["gold"]))
    nlp.initialize(lambda: examples)
    for epoch in range(epochs):
        random.Random(epoch).shuffle(examples)
        started = time.perf_counter()
        for batch in minibatch(examples, 32):
            nlp.update(batch, drop=0.2)
        seconds += time.perf_counter() - started
        after_epoch(seconds, nlp)
    return nlp, seconds, epochs


def spacy_tags(nlp, sentences):
    from spacy.tokens import Doc

    docs = nlp.pipe([Doc(nlp.vocab, words=tokens) for tokens in sentences], batch_size=256)
    return [[t.ent_iob_ + (f"-{t.ent_type_}" if t.ent_type_ else "") for t in doc] for doc in docs]


def spacy_spans(nlp, texts):
    return [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in nlp.pipe(texts, batch_size=256)]


# -- Flair: BiLSTM-CRF of 256 units on word and character embeddings, SGD, nothing pretrained --------------------------


def train_flair(job, train, dev, after_epoch):
    """Train on all sentences to see its quality, else one epoch on some of them, which shows speed alone."""
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
    epochs, num_sentences = (job["epochs"] or 30, None) if "quality" in job["figures"] else (1, 200)
    sentences = list(map(labelled, train["rows"][:num_sentences], train["gold"]))
    corpus = Corpus(train=FlairDatapointDataset(sentences), sample_missing_splits=False)
    characters = Dictionary()
    for character in chain.from_iterable(token.text for token in chain.from_iterable(sentences)):
        characters.add_item(character)
    words = OneHotEmbeddings.from_corpus(corpus, min_freq=1, embedding_length=100)
    embeddings = StackedEmbeddings([words, CharacterEmbeddings(characters)])
    labels = corpus.make_label_dictionary("ner", add_unk=False)
    model, clock = SequenceTagger(embeddings, labels, "ner", hidden_size=256, use_crf=True), EpochClock()
    options = {"learning_rate": 0.1, "mini_batch_size": 32, "embeddings_storage_mode": "none"}
    options |= dict.fromkeys(("save_final_model", "create_file_logs", "create_loss_file"), False)
    with tempfile.TemporaryDirectory() as folder:
        ModelTrainer(model, corpus).train(folder, max_epochs=epochs, plugins=[clock], **options)
    return model, clock.seconds, epochs * sum(map(len, sentences)) / job["train_size"]


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


# -- texts: TF-IDF of words and pairs with logistic regression, and fastText with pairs of words -----------------------


def train_tfidf(job, train, dev, after_epoch):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def fit(number):
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\S+")
        return make_pipeline(words, LogisticRegression(C=10, max_iter=number)).fit(train["rows"], train["gold"])

    model, seconds = growing(job, (1, 2, 5, 10, 20, 50, 100, 1000), fit, after_epoch)
    return model, seconds, int(model[-1].n_iter_.max())


def train_fasttext(job, train, dev, after_epoch):
    import fasttext

    pairs = zip(train["gold"], train["rows"])
    lines = [f"__label__{quote(label)} {' '.join(text.split())}\n" for label, text in pairs]
    random.Random(0).shuffle(lines)  # it reads a file from its beginning to its end
    with tempfile.TemporaryDirectory() as folder:
        file = new_file(Path(folder), "train.txt")
        Path(file).write_text("".join(lines), encoding="utf-8")
        fit = partial(fasttext.train_supervised, file, lr=0.5, wordNgrams=2, thread=job["threads"], verbose=0)
        model, seconds = growing(job, (1, 2, 5, 10, 25), lambda number: fit(epoch=number), after_epoch)
    return model, seconds, 25


def fasttext_classes(model, texts):
    return [unquote(names[0][9:]) for names in model.predict([" ".join(text.split()) for text in texts])[0]]


SEQTAG = System(
    module="seqtag",
    train=train_seqtag,
    save=save_seqtag,
    load=load_seqtag,
    tokens=lambda model, rows: list(model.predict(rows)),
    texts=lambda model, texts: list(getattr(model, "predict_spans", model.predict)(texts)),
    files=lambda job, folder: [folder / job["system"] / file for file in (*FILES, ENGINES[job["system"]][0])],
)
SYSTEMS = {
    **dict.fromkeys(ENGINES, SEQTAG),
    "crfsuite": System(
        module="sklearn_crfsuite",
        train=train_crfsuite,
        save=lambda model, folder: copy(model.modelfile.name, new_file(folder, "model.crfsuite")),
        load=lambda job, folder: import_module("sklearn_crfsuite").CRF(model_filename=str(folder / "model.crfsuite")),
        tokens=crfsuite_tags,
    ),
    "spacy": System(
        module="spacy",
        train=train_spacy,
        save=lambda nlp, folder: nlp.to_disk(folder),
        load=lambda job, folder: import_module("spacy").load(folder),
        tokens=spacy_tags,
        texts=spacy_spans,
    ),
    "flair": System(
        module="flair",
        train=train_flair,
        save=lambda model, folder: model.save(new_file(folder, "model.pt")),
        load=lambda job, folder: import_module("flair.models").SequenceTagger.load(str(folder / "model.pt")),
        tokens=flair_tags,
        texts=flair_spans,
    ),
    "tfidf": System(
        module="sklearn",
        train=train_tfidf,
        save=lambda model, folder: import_module("joblib").dump(model, new_file(folder, "model.joblib")),
        load=lambda job, folder: import_module("joblib").load(folder / "model.joblib"),
        texts=lambda model, texts: list(model.predict(texts)),
    ),
    "fasttext": System(
        module="fasttext",
        train=train_fasttext,
        save=lambda model, folder: model.save_model(new_file(folder, "model.bin")),
        load=lambda job, folder: import_module("fasttext").load_model(str(folder / "model.bin")),
        texts=fasttext_classes,
    ),
}

if __name__ == "__main__":
    work(SYSTEMS)
