"""spaCy in the benchmark: a blank pipeline with its NER, from scratch, on the CPU.

python recipes/benchmark.py --peer-python spacy=PATH
"""

import random
import time

import spacy
from spacy.tokens import Doc
from spacy.training import Example, biluo_tags_to_spans, iob_to_biluo
from spacy.util import fix_random_seed, minibatch

VERSION = spacy.__version__


def train(job, train, dev, after_epoch):
    fix_random_seed(0)
    nlp, seconds, epochs = spacy.blank("xx"), 0.0, job["epochs"] or 30
    nlp.add_pipe("ner")
    examples = [example(nlp, *pair) for pair in zip(*train)]
    nlp.initialize(lambda: examples)
    for epoch in range(epochs):
        random.Random(epoch).shuffle(examples)
        started = time.perf_counter()
        for batch in minibatch(examples, 32):
            nlp.update(batch, drop=0.2)
        seconds += time.perf_counter() - started
        after_epoch(seconds, nlp)
    return nlp, {"train": epochs * sum(map(len, train[0])) / seconds, "passes": epochs}


def example(nlp, tokens, tags):
    gold = Doc(nlp.vocab, words=tokens)
    gold.ents = biluo_tags_to_spans(gold, iob_to_biluo(tags))
    return Example(Doc(nlp.vocab, words=tokens), gold)


def save(nlp, folder):
    nlp.to_disk(folder)


def load(job, folder):
    return spacy.load(folder)


def tags(nlp, sentences):
    docs = nlp.pipe([Doc(nlp.vocab, words=tokens) for tokens in sentences], batch_size=256)
    return [[t.ent_iob_ + (f"-{t.ent_type_}" if t.ent_type_ else "") for t in doc] for doc in docs]


def spans(nlp, texts):
    docs = nlp.pipe(texts, batch_size=256)
    return [[(span.start_char, span.end_char, span.label_) for span in doc.ents] for doc in docs]
