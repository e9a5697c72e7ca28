"""Views of a project's images that people have saved by name, for everybody who labels here."""

import time
from collections.abc import Callable
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import LONGEST_NAME, Store, tidy_name

SETTING = "views"
MOST_VIEWS = 200

Views = list[dict[str, Any]]


def saved_views(store: Store) -> Views:
    """Return the views by name: ``name``, ``state`` (as in a page's address), ``annotator``."""
    views: Views = store.get(SETTING) or []
    return sorted(views, key=lambda view: str(view["name"]).casefold())


def save_view(store: Store, name: str, state: str, annotator: str) -> None:
    """Keep a view under a name.

    Raises
    ------
    FewshotLabError
        Where the name is empty, too long or taken, or there are too many views.
    """
    name = _checked(name)

    def add(views: Views) -> Views:
        _refuse_taken(views, name)
        if len(views) >= MOST_VIEWS:
            raise FewshotLabError(f"There are {MOST_VIEWS} saved views: remove one first.")
        view = {"name": name, "state": state, "annotator": annotator, "time": time.time()}
        return [*views, view]

    _change(store, add)


def rename_view(store: Store, name: str, new_name: str) -> None:
    """Give a view another name.

    Raises
    ------
    FewshotLabError
        Where there is no such view, or the new name is empty, too long or taken.
    """
    new_name = _checked(new_name)

    def rename(views: Views) -> Views:
        others = [view for view in views if view["name"] != name]
        _refuse_taken(others, new_name)
        return [*others, {**_named(views, name), "name": new_name}]

    _change(store, rename)


def remove_view(store: Store, name: str) -> None:
    """Remove a view.

    Raises
    ------
    FewshotLabError
        Where there is no such view.
    """

    def remove(views: Views) -> Views:
        gone = _named(views, name)
        return [view for view in views if view is not gone]

    _change(store, remove)


def _change(store: Store, change: Callable[[Views], Views]) -> None:
    store.change(SETTING, lambda views: change(views or []))


def _named(views: Views, name: str) -> dict[str, Any]:
    for view in views:
        if view["name"] == name:
            return view
    raise FewshotLabError(f"The view “{name}” is gone: somebody has removed or renamed it.")


def _refuse_taken(views: Views, name: str) -> None:
    if any(str(view["name"]).casefold() == name.casefold() for view in views):
        raise FewshotLabError(f"There is already a view named “{name}”: choose another name.")


def _checked(name: str) -> str:
    name = tidy_name(name)
    if not name:
        raise FewshotLabError("A view needs a name.")
    if len(name) > LONGEST_NAME:
        raise FewshotLabError(f"The name of a view has at most {LONGEST_NAME} characters.")
    return name
