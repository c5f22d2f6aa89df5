"""Settings go to workers as JSON, and come out as they went in."""

from seqtag.serving.settings import Limits, Settings


def test_settings_survive_their_way_to_a_worker():
    settings = Settings(
        {"ner": "models/ner"}, host="0.0.0.0", token="x", origins=("https://a",), limits=Limits(texts=3, seconds=0.5)
    )
    assert Settings.parsed(settings.dumped()) == settings
    assert not settings.is_local
    assert Settings({}).is_local
