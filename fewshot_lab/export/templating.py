"""Report and model card: the facts filled into the templates, which hold words and layout."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fewshot_lab.export.charts import learning_curve_axes, reliability_axes, risk_axes
from fewshot_lab.words import percent, share_of


def render(template: str, facts: Mapping[str, Any]) -> str:
    """Return what a template makes of the facts; HTML is escaped.

    Parameters
    ----------
    template : str
        A file of ``templates/``.
    facts : mapping
        As :func:`fewshot_lab.export.facts.gather_facts` returns it; for the model card ``about``
        with what only a bundle has (``parity``).
    """
    page = environment(html=".html." in template).get_template(template)
    return page.render(facts, facts=facts)


@cache
def environment(*, html: bool) -> Environment:
    """Return what the templates are read with."""
    environment = Environment(
        loader=PackageLoader("fewshot_lab.export"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "grouped": "{:,}".format,
        "unbroken": _unbroken,
        "cell": _cell,
        "percent": percent,
        "share": share_of,
    }
    environment.globals |= {
        "learning_curve_axes": learning_curve_axes,
        "reliability_axes": reliability_axes,
        "risk_axes": risk_axes,
    }
    return environment


def _unbroken(text: object) -> Markup:
    """Keep numbers and their percent sign on one line."""
    return Markup(escape(text).replace(" %", Markup("&nbsp;%")))


def _cell(value: object) -> str:
    """Return what may stand in a cell of a Markdown table."""
    return str(value).replace("|", "\\|")
