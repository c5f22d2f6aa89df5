"""Shares of emissions against the weights of the network, token by token and column by column."""

import pytest
from tiny import TAGS, TOKENS, UNSEEN, fitted_tagger

from seqtag import Tagger
from seqtag.batching import collate
from seqtag.models.tagging.emission_shares import EmissionShares
from seqtag.text.vocabulary import FEATURES


@pytest.mark.parametrize("options", [{"calibrate": True}, {"head": "linear"}, {"lexical": False}, None], ids=str)
def test_shares_are_the_weights_that_they_name(options: dict | None):
    if options is None:
        tagger = Tagger(encoder=None, epochs=3, batch_size=4, device="cpu").fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    else:
        tagger = fitted_tagger(epochs=3, **options)
    head, vocabulary = tagger.network_.head, tagger.vocabulary_
    temperature = float(head.temperature)
    for tokens in (UNSEEN[4], TOKENS[0], ["Paris"]):
        batch = collate(vocabulary, [tokens])
        emissions_TL = tagger.network_.emissions(batch)[0].double() / temperature
        shares = EmissionShares.build(tagger.network_, vocabulary, batch)
        for token in range(len(tokens)):
            for chosen, instead in ((0, 1), (3, 2)):
                found = shares(token, chosen, instead)
                expected = float(emissions_TL[token, chosen] - emissions_TL[token, instead])
                assert sum(share.score for share in found) == pytest.approx(expected, abs=1e-5)
                for share in found:
                    if share.value is not None:
                        assert head.lexical is not None
                        assert share.token is not None
                        column = FEATURES.index(share.name)
                        value = vocabulary.indices[share.name][share.value]
                        assert vocabulary.describe(tokens[share.token])[0][column] == value
                        row_D = head.lexical.table.weight.detach()[head.lexical.offsets_F[column] + value]
                        # the table has the scores of the word itself first, then those from the word before and after
                        place = {0: 0, -1: 1, 1: 2}[share.token - token]
                        scores_L = row_D.view(3, -1)[place].double() / temperature
                        assert share.score == pytest.approx(float(scores_L[chosen] - scores_L[instead]), abs=1e-6)
                names = {share.name for share in found if share.value is None}
                assert ("encoder" in names) == (tagger.encoder is not None)
                assert names <= {"encoder", "bias", "shift"}
                assert not any(share.value for share in found) or tagger.lexical
