"""GitHub's two ways of paging: numbered pages, and cursors; both told in the Link header."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from starlette.datastructures import URL

from simulator.github.pipeline import Call, Failure, Reply

T = TypeVar("T")
PER_PAGE, MOST_PER_PAGE = 30, 100


def paged(call: Call, items: Sequence[T], *, key: str, write: Callable[[T], Any]) -> Reply:
    """Answer one numbered page."""
    size, page = _size(call), max(int(call.query.get("page", "1")), 1)
    first = (page - 1) * size
    last_page = max(-(-len(items) // size), 1)
    links: dict[str, int] = {}
    if page < last_page:
        links |= {"next": page + 1, "last": last_page}
    if page > 1:
        links |= {"prev": page - 1, "first": 1}
    body = {"total_count": len(items), key: [write(i) for i in items[first : first + size]]}
    return Reply(200, body, _link({name: _with(call, page=to) for name, to in links.items()}))


def listed(call: Call, items: Iterable[tuple[int, T]], *, write: Callable[[T], Any]) -> Reply:
    """Answer one page of (id, item), newest first, from a cursor on."""
    size, start = _size(call), _cursor(call)
    rest = [(number, item) for number, item in items if start is None or number <= start]
    links = {"next": _with(call, cursor=f"v1_{rest[size][0]}")} if len(rest) > size else {}
    return Reply(200, [write(item) for _, item in rest[:size]], _link(links))


def _size(call: Call) -> int:
    wanted = call.query.get("per_page", str(PER_PAGE))
    return min(max(int(wanted), 1), MOST_PER_PAGE) if wanted.isdecimal() else PER_PAGE


def _cursor(call: Call) -> int | None:
    cursor = call.query.get("cursor")
    if cursor is None:
        return None
    number = cursor.removeprefix("v1_")
    if not number.isdecimal():
        raise Failure(400, "Invalid cursor")
    return int(number)


def _with(call: Call, **changes: Any) -> str:
    return str(URL(call.url).include_query_params(**changes))


def _link(links: dict[str, str]) -> dict[str, str]:
    text = ", ".join(f'<{url}>; rel="{name}"' for name, url in links.items())
    return {"link": text} if text else {}
