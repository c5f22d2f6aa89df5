"""Published figures of small models on corpora that readers know, each with its source; `known.py` prints them.

A figure stands as its paper, or the README of its authors, gives it, in percent: F1 of spans for entities, chunks and
slots, else accuracy, on the test split. `pretrained` names the word vectors, or other pretraining, that the model had;
a dash there says that it learned from the labelled text alone. A deviation is that of several runs; most papers don't
say whether a figure without one is a mean or the best run.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure; see the docstring of the module."""

    value: str  # in percent, with its deviation where one is published
    model: str
    pretrained: str  # "-": from scratch
    source: str  # a key of SOURCES


@dataclass(frozen=True, slots=True)
class Known:
    """A corpus, by what it is known, and what is published for it."""

    title: str
    task: str  # "tag" or "classify"
    metric: str
    num_labels: int | None  # None: it depends on how the corpus was cut
    counts: dict[str, tuple[int, int | None]]  # split, or "all" of them: rows, and tokens where these are tagged
    figures: list[Figure]
    note: str  # how the published figures were measured where that differs from a run of `known.py`


# Name, title, task, metric, number of labels, and rows/tokens of splits; "all" where papers cut a corpus into folds.
CORPORA = """
conll2000           | CoNLL-2000, chunks            | tag      | F1       | 11  | train 8936/211727, test 2012/47377
conll2002_es        | CoNLL-2002, Spanish           | tag      | F1       | 4   | train 8323/264715, test 1517/51533
conll2002_nl        | CoNLL-2002, Dutch             | tag      | F1       | 4   | train 15806/202644, test 5195/68875
conll2003           | CoNLL-2003, English           | tag      | F1       | 4   | train 14041/203621, test 3453/46435
ontonotes5          | OntoNotes 5, English entities | tag      | F1       | 18  | train 59924/1088503, test 8262/152728
wnut17              | WNUT-17                       | tag      | F1       | 6   | train 3394/62730, test 1287/23394
ncbi_disease        | NCBI disease                  | tag      | F1       | 1   | train 5432/136086, test 940/24497
bc5cdr              | BC5CDR                        | tag      | F1       | 2   | train 4560/118170, test 4797/124750
crossner_politics   | CrossNER, politics            | tag      | F1       | 9   | train 200/8384, test 651/27585
crossner_science    | CrossNER, science             | tag      | F1       | 17  | train 200/7100, test 543/19487
crossner_music      | CrossNER, music               | tag      | F1       | 13  | train 100/3909, test 465/19605
crossner_literature | CrossNER, literature          | tag      | F1       | 12  | train 100/3782, test 416/16157
crossner_ai         | CrossNER, AI                  | tag      | F1       | 14  | train 100/3782, test 431/12991
uner_da_ddt         | Universal NER, Danish         | tag      | F1       | 3   | train 4383/80378, test 565/10023
uner_pt_bosque      | Universal NER, Portuguese     | tag      | F1       | 3   | train 7018/171776, test 1167/27604
uner_sv_talbanken   | Universal NER, Swedish        | tag      | F1       | 3   | train 4303/66646, test 1219/20377
uner_zh_gsdsimp     | Universal NER, Chinese        | tag      | F1       | 3   | train 3997/98616, test 500/12012
en_ewt              | UD English EWT, UPOS          | tag      | accuracy | 17  | train 12544/204577, test 2077/25094
fr_sequoia          | UD French Sequoia, UPOS       | tag      | accuracy | 16  | train 2231/50502, test 456/10044
vi_vtb              | UD Vietnamese VTB, UPOS       | tag      | accuracy | 17  | train 1400/20215, test 800/11692
atis_slots          | ATIS, slots                   | tag      | F1       | -   | train 4478, test 893
snips_slots         | SNIPS, slots                  | tag      | F1       | 39  | train 13084/117700, test 700/6354
atis                | ATIS, intents                 | classify | accuracy | -   | train 4478, test 893
snips               | SNIPS, intents                | classify | accuracy | 7   | train 13084, test 700
mr                  | MR, polarity of sentences     | classify | accuracy | 2   | all 10662
subj                | Subj, subjectivity            | classify | accuracy | 2   | all 10000
cr                  | CR, customer reviews          | classify | accuracy | 2   | all 1719
movie_reviews       | Movie reviews 2.0, documents  | classify | accuracy | 2   | all 2000
trec                | TREC, six kinds of questions  | classify | accuracy | 6   | train 5452, test 500
sst2                | SST-2                         | classify | accuracy | 2   | dev 872, test 1821
imdb                | IMDB                          | classify | accuracy | 2   | train 25000, test 25000
banking77           | BANKING77                     | classify | accuracy | 77  | train 10003, test 3080
clinc150            | CLINC150, in scope            | classify | accuracy | 151 | train 15000, test 4500
"""

# Corpus, figure, model, what was pretrained, source.
FIGURES = """
conll2000           | 93.64        | BiLSTM on features          | -                      | Huang 2015
conll2000           | 94.13        | BiLSTM-CRF on features      | -                      | Huang 2015
conll2000           | 94.46        | BiLSTM-CRF on features      | Senna                  | Huang 2015
conll2000           | 95.06        | CharCNN + BiLSTM-CRF        | GloVe                  | Yang 2018
conll2002_es        | 82.18        | BiLSTMs on characters       | -                      | Kuru 2016
conll2002_es        | 85.75        | BiLSTM-CRF with characters  | skip-n-gram            | Lample 2016
conll2002_nl        | 79.36        | BiLSTMs on characters       | -                      | Kuru 2016
conll2002_nl        | 81.74        | BiLSTM-CRF with characters  | skip-n-gram            | Lample 2016
conll2003           | 80.76        | BiLSTM-CNN-CRF              | -                      | Ma 2016
conll2003           | 83.63        | BiLSTM-CRF with characters  | -                      | Lample 2016
conll2003           | 84.26        | BiLSTM-CRF on features      | -                      | Huang 2015
conll2003           | 84.52        | BiLSTMs on characters       | -                      | Kuru 2016
conll2003           | 90.94        | BiLSTM-CRF with characters  | skip-n-gram            | Lample 2016
conll2003           | 91.21        | BiLSTM-CNN-CRF              | GloVe                  | Ma 2016
conll2003           | 91.35        | CharCNN + BiLSTM-CRF        | GloVe                  | Yang 2018
ontonotes5          | 86.28 ± 0.26 | BiLSTM-CNN with lexicons    | word vectors           | Chiu 2016
ontonotes5          | 86.99 ± 0.22 | BiLSTM-CRF                  | skip-n-gram            | Strubell 2017
wnut17              | 39.98        | entry of Arcada             | word vectors           | Derczynski 2017
wnut17              | 40.78        | entry of SpinningBytes      | word vectors           | Derczynski 2017
wnut17              | 45.55        | multitask network and CRF   | word vectors, lexicons | Aguilar 2018
ncbi_disease        | 79.50        | spaCy's CNN, mean of five   | -                      | Neumann 2019
ncbi_disease        | 82.62        | BiLSTM-CNN-CRF              | biomedical vectors     | Wang 2019
ncbi_disease        | 85.80        | BiLSTM-CRF with characters  | biomedical vectors     | Wang 2019
bc5cdr              | 78.83        | spaCy's CNN, mean of five   | -                      | Neumann 2019
bc5cdr              | 86.65        | BiLSTM-CNN-CRF              | biomedical vectors     | Wang 2019
bc5cdr              | 86.92        | BiLSTM-CRF with characters  | biomedical vectors     | Wang 2019
crossner_politics   | 56.60        | BiLSTM-CRF                  | GloVe + n-grams        | Liu 2021
crossner_science    | 49.97        | BiLSTM-CRF                  | GloVe + n-grams        | Liu 2021
crossner_music      | 44.79        | BiLSTM-CRF                  | GloVe + n-grams        | Liu 2021
crossner_literature | 43.03        | BiLSTM-CRF                  | GloVe + n-grams        | Liu 2021
crossner_ai         | 43.56        | BiLSTM-CRF                  | GloVe + n-grams        | Liu 2021
uner_da_ddt         | 82.7         | XLM-R large, fine-tuned     | transformer            | Mayhew 2024
uner_pt_bosque      | 90.4         | XLM-R large, fine-tuned     | transformer            | Mayhew 2024
uner_sv_talbanken   | 88.3         | XLM-R large, fine-tuned     | transformer            | Mayhew 2024
uner_zh_gsdsimp     | 89.4         | XLM-R large, fine-tuned     | transformer            | Mayhew 2024
en_ewt              | 95.48        | BiLSTM, joint with a parser | -                      | Nguyen 2018
en_ewt              | 94.4         | UDPipe 1.2, a perceptron    | -                      | Straka 2019
fr_sequoia          | 97.92        | BiLSTM, joint with a parser | -                      | Nguyen 2018
fr_sequoia          | 97.1         | UDPipe 1.2, a perceptron    | -                      | Straka 2019
vi_vtb              | 87.63        | BiLSTM, joint with a parser | -                      | Nguyen 2018
vi_vtb              | 87.6         | UDPipe 1.2, a perceptron    | -                      | Straka 2019
atis_slots          | 95.06        | hybrid RNN                  | -                      | Mesnil 2015
atis_slots          | 95.2         | slot-gated BiLSTM           | -                      | Goo 2018
atis_slots          | 95.66        | encoder-labeler LSTM        | -                      | Kurata 2016
atis_slots          | 95.87        | encoder-decoder, attention  | -                      | Liu 2016
snips_slots         | 87.8         | BiRNN with attention        | -                      | Goo 2018
snips_slots         | 88.8         | slot-gated BiLSTM           | -                      | Goo 2018
snips_slots         | 92.23        | SF-ID, BiLSTM with CRF      | -                      | E 2019
snips_slots         | 94.2         | stack propagation, BiLSTM   | -                      | Qin 2019
atis                | 94.1         | slot-gated BiLSTM           | -                      | Goo 2018
atis                | 98.43        | encoder-decoder, attention  | -                      | Liu 2016
snips               | 96.7         | BiRNN with attention        | -                      | Goo 2018
snips               | 97.0         | slot-gated BiLSTM           | -                      | Goo 2018
snips               | 97.43        | SF-ID, BiLSTM with CRF      | -                      | E 2019
snips               | 98.0         | stack propagation, BiLSTM   | -                      | Qin 2019
mr                  | 75.06 ± 0.44 | LSTM                        | -                      | Yao 2019
mr                  | 76.1         | CNN                         | -                      | Kim 2014
mr                  | 79.4         | NBSVM on pairs of words     | -                      | Wang 2012
mr                  | 77.68 ± 0.86 | BiLSTM                      | GloVe                  | Yao 2019
mr                  | 81.5         | CNN                         | word2vec               | Kim 2014
subj                | 89.6         | CNN                         | -                      | Kim 2014
subj                | 93.2         | NBSVM on pairs of words     | -                      | Wang 2012
subj                | 93.4         | CNN                         | word2vec               | Kim 2014
cr                  | 79.8         | CNN                         | -                      | Kim 2014
cr                  | 81.8         | NBSVM on pairs of words     | -                      | Wang 2012
cr                  | 84.3         | CNN                         | word2vec               | Kim 2014
movie_reviews       | 87.40        | SVM on pairs of words       | -                      | Wang 2012
movie_reviews       | 89.45        | NBSVM on pairs of words     | -                      | Wang 2012
trec                | 91.2         | CNN                         | -                      | Kim 2014
trec                | 93.6         | CNN                         | word2vec               | Kim 2014
sst2                | 82.0 ± 0.5   | Tree-LSTM                   | -                      | Tai 2015
sst2                | 82.7         | CNN                         | -                      | Kim 2014
sst2                | 84.9 ± 0.6   | LSTM                        | GloVe                  | Tai 2015
sst2                | 87.5 ± 0.5   | BiLSTM                      | GloVe                  | Tai 2015
sst2                | 87.2         | CNN                         | word2vec               | Kim 2014
imdb                | 86.50        | LSTM                        | -                      | Dai 2015
imdb                | 91.22        | NBSVM on pairs of words     | -                      | Wang 2012
imdb                | 90.00        | LSTM                        | word2vec               | Dai 2015
imdb                | 92.76        | LSTM                        | on unlabelled reviews  | Dai 2015
banking77           | 93.36        | USE and ConveRT             | sentence encoders      | Casanueva 2020
banking77           | 93.66        | BERT, fine-tuned            | transformer            | Casanueva 2020
clinc150            | 89.0         | fastText                    | -                      | Larson 2019
clinc150            | 91.0         | SVM on words                | -                      | Larson 2019
clinc150            | 96.9         | BERT, fine-tuned            | transformer            | Larson 2019
"""

NOTES = {
    "ncbi_disease": "figures of Wang 2019 learned from train and dev together",
    "bc5cdr": "figures of Wang 2019 learned from train and dev together",
    "en_ewt": "published on UD 2.2 (Nguyen 2018) and 2.5 (Straka 2019)",
    "fr_sequoia": "published on UD 2.2 (Nguyen 2018) and 2.5 (Straka 2019)",
    "vi_vtb": "published on UD 2.2 (Nguyen 2018) and 2.5 (Straka 2019)",
    "snips_slots": "published models learned intents too",
    "snips": "published models learned slots too",
    "mr": "published on ten folds; Yao 2019 with 3,554 texts as test",
    "subj": "published on ten folds",
    "cr": "published on ten folds of 3,775 sentences of more products",
    "movie_reviews": "published on ten folds",
    "sst2": "published models learned from labelled phrases too",
    "clinc150": "published models learned out-of-scope texts as a class too",
}

SOURCES = {  # short name: what it is, and where
    "Huang 2015": ("Bidirectional LSTM-CRF Models for Sequence Tagging, table 2", "https://arxiv.org/abs/1508.01991"),
    "Lample 2016": ("Neural Architectures for NER, tables 1 and 3 to 5", "https://arxiv.org/abs/1603.01360"),
    "Ma 2016": ("End-to-end Sequence Labeling via BLSTM-CNNs-CRF, table 6", "https://arxiv.org/abs/1603.01354"),
    "Kuru 2016": ("CharNER: Character-Level Named Entity Recognition", "https://aclanthology.org/C16-1087"),
    "Yang 2018": ("NCRF++, a Neural Sequence Labeling Toolkit", "https://aclanthology.org/P18-4013"),
    "Chiu 2016": ("NER with Bidirectional LSTM-CNNs", "https://arxiv.org/abs/1511.08308"),
    "Strubell 2017": ("Fast and Accurate Entity Recognition with IDCNNs", "https://arxiv.org/abs/1702.02098"),
    "Derczynski 2017": ("The WNUT2017 Shared Task", "https://aclanthology.org/W17-4418"),
    "Aguilar 2018": ("Modeling Noisiness to Recognize Named Entities", "https://aclanthology.org/N18-1127"),
    "Wang 2019": ("Cross-type Biomedical NER, table of the README", "https://github.com/yuzhimanhua/Multi-BioNER"),
    "Neumann 2019": ("ScispaCy, table 5", "https://arxiv.org/abs/1902.07669"),
    "Liu 2021": ("CrossNER, as later papers quote it", "https://arxiv.org/abs/2012.04373"),
    "Mayhew 2024": ("Universal NER", "https://arxiv.org/abs/2311.09122"),
    "Nguyen 2018": (
        "Joint Tagging and Parsing (jPTDP 2), table of the README",
        "https://github.com/datquocnguyen/jPTDP",
    ),
    "Straka 2019": ("UDPipe models of UD 2.5, gold tokens", "https://hdl.handle.net/11234/1-3131"),
    "Mesnil 2015": ("Using RNNs for Slot Filling", "https://doi.org/10.1109/TASLP.2014.2383614"),
    "Kurata 2016": ("Leveraging Sentence-level Information with Encoder LSTM", "https://arxiv.org/abs/1601.01530"),
    "Liu 2016": ("Attention-Based RNNs for Joint Intent Detection and Slots", "https://arxiv.org/abs/1609.01454"),
    "Goo 2018": (
        "Slot-Gated Modeling for Joint Slot Filling and Intent Prediction",
        "https://aclanthology.org/N18-2118",
    ),
    "E 2019": ("A Bi-directional Interrelated Model (SF-ID)", "https://arxiv.org/abs/1907.00390"),
    "Qin 2019": ("A Stack-Propagation Framework", "https://arxiv.org/abs/1909.02188"),
    "Kim 2014": ("CNNs for Sentence Classification, table 2", "https://arxiv.org/abs/1408.5882"),
    "Wang 2012": ("Baselines and Bigrams, tables 2 and 3", "https://aclanthology.org/P12-2018"),
    "Yao 2019": ("GCNs for Text Classification, table 2", "https://arxiv.org/abs/1809.05679"),
    "Tai 2015": ("Tree-Structured LSTM Networks, table 2", "https://arxiv.org/abs/1503.00075"),
    "Dai 2015": ("Semi-supervised Sequence Learning", "https://arxiv.org/abs/1511.01432"),
    "Larson 2019": ("An Evaluation Dataset for Intent Classification", "https://aclanthology.org/D19-1131"),
    "Casanueva 2020": ("Dual Sentence Encoders, table 3", "https://aclanthology.org/2020.nlp4convai-1.5"),
}


def cells_of(table):
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


def counts_of(cell):
    """Read the counts of splits.

    >>> counts_of("train 8936/211727, test 500")
    {'train': (8936, 211727), 'test': (500, None)}
    """
    splits = (part.split() for part in cell.split(","))
    sizes = ((split, size.partition("/")) for split, size in splits)
    return {split: (int(rows), int(tokens) if tokens else None) for split, (rows, _, tokens) in sizes}


KNOWN = {
    name: Known(
        title,
        task,
        metric,
        None if labels == "-" else int(labels),
        counts_of(counts),
        [Figure(*cells) for corpus, *cells in cells_of(FIGURES) if corpus == name],
        NOTES.get(name, ""),
    )
    for name, title, task, metric, labels, counts in cells_of(CORPORA)
}
