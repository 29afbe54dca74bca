"""The documents tell of what is there, and link to what exists."""

import re
import tomllib
from pathlib import Path

import pytest

from runs_fleet import glossary

ROOT = Path(__file__).parents[1]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?!https?:)[^)\s]+")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.png"))
LINKS = [(page, link) for page in PAGES for link in LINK.findall(FENCE.sub("", page.read_text()))]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    titles = HEADING.findall(FENCE.sub("", page.read_text()))
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.replace(" ", "-") for title in plain}


def rows(title: str) -> set[str]:
    """The first cells of the table below one heading of the operations page."""
    section = OPERATIONS.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("page", "link"), [pytest.param(p, t, id=f"{p.name}->{t}") for p, t in LINKS]
)
def test_a_link_leads_somewhere(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists()
    assert not anchor or anchor in anchors(target)


def test_every_state_has_its_row() -> None:
    assert rows("States") == set(glossary.STATES)


def test_every_cause_has_its_row() -> None:
    assert rows("Causes") == set(glossary.CAUSES)


@pytest.mark.parametrize("command", re.findall(r"^make (\w+)", README, re.MULTILINE))
def test_a_command_of_the_readme_is_a_target(command: str) -> None:
    assert re.search(rf"^{command}:", MAKEFILE, re.MULTILINE)


def test_the_readme_has_its_two_commands() -> None:
    assert "```sh\nmake demo\nmake test\n```" in README


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_shown_and_light(picture: Path) -> None:
    assert any(picture.name in page.read_text() for page in PAGES)
    assert picture.stat().st_size < 300_000


def test_there_are_pictures_of_the_list_and_of_a_job() -> None:
    assert {"jobs.png", "job.png"} <= {picture.name for picture in PICTURES}


def test_the_changelog_has_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\n## {version} " in (ROOT / "CHANGELOG.md").read_text()
