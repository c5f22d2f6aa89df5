"""Options of load_corpus that belong to the other task end in one message that names the right one."""

import pytest

from seqtag.corpora.loading import load_corpus
from seqtag.errors import UsageError


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("classify", {"token": 0}, "token= is for task='tag', and the task is 'classify': say text="),
        ("classify", {"tag": "ner"}, "tag= is for task='tag', and the task is 'classify': say label="),
        ("classify", {"scheme": "IOB2"}, "scheme= is for task='tag', .*: leave it out"),
        ("classify", {"repair": "strict"}, "repair= is for task='tag'"),
        ("classify", {"language": "en"}, "language= is for task='tag'"),
        ("classify", {"max_misaligned": 0.5}, "max_misaligned= is for task='tag'"),
        ("tag", {"text": 0}, "text= is for task='classify', and the task is 'tag': say token="),
        ("tag", {"label": "x"}, "label= is for task='classify', and the task is 'tag': say tag="),
        ("clasify", {}, "unknown task 'clasify'; choose from classify, tag; did you mean 'classify'"),
    ],
)
def test_options_of_the_other_task_are_named(tmp_path, task, options, message):
    path = tmp_path / "a.tsv"
    path.write_text("a good film\tpos\na bad film\tneg\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_corpus(path, task=task, **options)
