"""A lean HTTP/1.1 client for webhooks, so that a burst measures its receiver and not its sender."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What the receiver said."""

    status: int
    headers: dict[str, str]
    body: str


class Poster:
    """Posts over kept connections; one that the receiver has closed meanwhile is dialled anew."""

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Post once. Raises OSError when nobody answers, or not in HTTP."""
        parts = urlsplit(url)
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(content)}")
        request = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content
        reader, writer = await self._connected(url)
        try:
            writer.write(request)
            answer = await _answer(reader)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            writer.close()
            raise ConnectionError("the receiver broke off") from error
        except BaseException:
            writer.close()
            raise
        self._keep(url, answer, (reader, writer))
        return answer

    def close(self) -> None:
        """Hang up everywhere."""
        for kept in self._kept.values():
            for _, writer in kept:
                writer.close()
        self._kept.clear()

    async def _connected(self, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        kept = self._kept.setdefault(url, [])
        while kept:
            reader, writer = kept.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        return await asyncio.open_connection(parts.hostname, port, ssl=secure or None)

    def _keep(
        self, url: str, answer: Answer, pair: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    ) -> None:
        if answer.headers.get("connection", "").lower() == "close":
            pair[1].close()
        else:
            self._kept[url].append(pair)


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    status = int(head[0].split()[1])
    return Answer(status, headers, (await _body(reader, status, headers)).decode(errors="replace"))


async def _body(reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> bytes:
    if status in (204, 304):
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    headers["connection"] = "close"
    return await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body
