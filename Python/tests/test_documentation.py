"""What the pages say about arguments is so."""

import inspect
import re

import pytest
from repository import REPOSITORY

import fop

PAGES = REPOSITORY / "Documentation"
REQUIRED = inspect.Parameter.empty


def arguments():
    parameters = inspect.signature(fop.FOP).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


def table():
    text = (PAGES / "pytorch.md").read_text().partition("## Arguments")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) ?\|", text, re.MULTILINE))


def test_every_argument_is_explained_with_its_default():
    shown = table()
    assert list(shown) == list(arguments()), "the table has the arguments in their order"
    for name, default in arguments().items():
        if default is REQUIRED:
            assert shown[name] == "", name
        else:
            assert eval(shown[name]) == default, name


def test_every_argument_has_a_line_in_the_docstring():
    for name in arguments():
        assert re.search(rf"^ +{name}: ", fop.FOP.__doc__, re.MULTILINE), name


@pytest.mark.parametrize("page", ["coming-from.md", "when-not.md", "pytorch.md"])
def test_calls_on_the_pages_are_legal(page):
    known = set(arguments()) | {"model", "lr"}
    for call in re.findall(r"fop\.(?:FOP|KFAC)\(([^)]*)\)", (PAGES / page).read_text()):
        for name in re.findall(r"(\w+)=", call):
            assert name in known, f"{page}: fop.FOP has no {name}"


@pytest.mark.parametrize("page", ["coming-from.md", "when-not.md", "pytorch.md"])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", (PAGES / page).read_text()):
        assert (PAGES / target).exists(), f"{page}: {target}"
