"""Words of the field, each with its meaning one hover away."""

from fewshot_lab.ui.glossary import explained, meanings, terms


def test_a_term_is_marked_once_in_a_sentence_and_the_rest_is_escaped() -> None:
    html = explained("Balanced accuracy <b> by cross-validation; balanced accuracy again.")
    assert html.count("<abbr") == 2
    assert 'data-term="balanced accuracy">Balanced accuracy</abbr> &lt;b&gt;' in html
    assert 'tabindex="0"' in html


def test_the_longest_form_wins_and_parts_of_words_are_none() -> None:
    assert 'data-term="lda + logreg"' in explained("LDA + LogReg chosen over LDA.")
    assert "<abbr" not in explained("Marginal squashedness of SVMs.")


def test_every_method_that_a_page_may_name_has_a_meaning() -> None:
    from fewshot_lab.classifiers.family_choice import TITLES

    named = {title.removesuffix(" (Nielsen et al.)") for title in TITLES.values()}
    named |= {"margin", "audit draw", "prototypes", "squashed", "UMAP", "PCA", "AUROC"}
    assert {name for name in named if name.casefold() not in meanings()} == set()


def test_no_two_terms_share_a_form() -> None:
    forms = [form.casefold() for term in terms() for form in (term.name, *term.also)]
    assert len(forms) == len(set(forms))
