"""The tokens and sentences of a text as spaCy gives them and as seqtag does, both as (word, start) by sentence."""


def cut_by_spacy(pipeline, text):
    """Cut with a blank pipeline with a sentencizer; a blank line ends a sentence too."""
    sentences = [[]]
    with pipeline.memory_zone():
        for token in pipeline(text):
            if token.is_sent_start or (token.is_space and token.text.count("\n") > 1):
                sentences.append([])
            if not token.is_space:
                sentences[-1].append((token.text, token.idx))
    return [sentence for sentence in sentences if sentence]


def cut_by_seqtag(tokenizer, text):
    return [list(zip(sentence.words, sentence.starts, strict=True)) for sentence in tokenizer.sentences(text)]
