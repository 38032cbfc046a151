# -*- test-case-name: zerogo.test.controller.test_static_files -*-
"""The dashboard's files, at `/`: a single page whose addresses are its own affair, with a policy that lets no other
script run.

A path without a file and without an extension is an address of the page: it is answered with `index.html`, whose
`<base href="./">`, where it has one, is made to lead back to the top, so that relative addresses of assets are right at
any depth and behind any prefix that a proxy cuts off. Files with a hash in their name never change and are kept for a
year; all others are asked for anew, by ETag. Text goes out compressed: `FILE.br` or `FILE.gz` beside a file is taken as
it is, or gzip is made once and kept in memory.

Paths are split before they are looked up, so no `..` or NUL reaches the file system, and links that lead out of the
directory are not followed.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import sysconfig
from pathlib import Path
from urllib.parse import unquote_to_bytes

from attrs import field, frozen
from twisted.web import http
from twisted.web.http import Request
from twisted.web.resource import Resource

import zerogo
from zerogo.controller.browsers import pin_transport

INDEX = "index.html"
MISSING = "The dashboard is not part of this installation: web-static/index.html is not there.\n"
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Scripts and styles come from files only; what Ant Design makes while it runs are constructed style sheets."""
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
COMPRESSED_TYPES = ("text/", "application/json", "application/manifest", "image/svg", "application/wasm")
COMPRESS_FROM = 1024
"""Bytes."""
KEPT_LIMIT = 256
"""Files in memory; more is not the dashboard."""
FILE_LIMIT = 16 * 1024 * 1024
_HASHED = re.compile(r"[.-][A-Za-z0-9_-]{8,}\.[a-z0-9]+\Z")
_BASE = b'<base href="./"'
_YEAR = "public, max-age=31536000, immutable"
_DIRECTORY = "web-static"


def find_web_static() -> Path | None:
    """Where the dashboard is: beside the package in a source tree, else where the wheel put it."""
    tree = Path(zerogo.__file__).resolve().parent.parent / _DIRECTORY
    installed = Path(sysconfig.get_path("data")) / "share" / "zerogo" / _DIRECTORY
    unpacked = tree.parent / "share" / "zerogo" / _DIRECTORY
    return next((place for place in (tree, installed, unpacked) if (place / INDEX).is_file()), None)


@frozen
class _File:
    """A file as it is sent. `stamp` tells whether the one on disk is still this one."""

    stamp: tuple[int, int]
    content_type: str
    content: bytes = field(repr=False)
    encoded: dict[str, bytes] = field(repr=False)
    """By content coding."""


class StaticFiles(Resource):
    """The directory's files; None: there is none."""

    isLeaf = True

    def __init__(self, directory: Path | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._directory = None if directory is None else directory.resolve()
        self._kept: dict[Path, _File] = {}

    def render_GET(self, request: Request) -> bytes:
        """Also for HEAD: twisted.web leaves the body out."""
        _set_headers(request)
        segments = _segments(request.path)
        if self._directory is None:
            return _answer_text(request, http.NOT_FOUND, MISSING)
        if segments is None:
            return _answer_text(request, http.BAD_REQUEST, "This path is none.\n")
        name = segments[-1] if segments else INDEX
        found = self._find(self._directory.joinpath(*segments))
        if found is not None and name != INDEX:
            is_hashed = len(segments) > 1 and _HASHED.search(name) is not None
            return _answer_file(request, found, _YEAR if is_hashed else "no-cache", found.content)
        page = self._find(self._directory / INDEX)
        if page is None or ("." in name and name != INDEX):
            return _answer_text(request, http.NOT_FOUND, "There is no such file.\n")
        return _answer_file(request, page, "no-cache", _at_depth(page.content, len(segments)))

    def _find(self, path: Path) -> _File | None:
        assert self._directory is not None
        try:
            real = path.resolve()
            if not real.is_relative_to(self._directory) or not real.is_file():
                return None
            status = real.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            kept = self._kept.get(real)
            if kept is None or kept.stamp != stamp:
                kept = _read(real, stamp)
        except OSError:
            return None
        self._kept[real] = kept
        if len(self._kept) > KEPT_LIMIT:
            del self._kept[next(iter(self._kept))]
        return kept


def _segments(path: bytes) -> list[str] | None:
    """The parts of a path; None for one that names no file of ours."""
    try:
        text = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return None
    parts = text.split("/")[1:]
    if parts and parts[-1] == "":
        parts.pop()
    is_bad = any(part in ("", ".", "..") or "\0" in part or "\\" in part or len(part) > 255 for part in parts)
    return None if is_bad else parts


def _read(path: Path, stamp: tuple[int, int]) -> _File:
    if stamp[1] > FILE_LIMIT:
        raise OSError("too large for a file of the dashboard")
    content = path.read_bytes()
    content_type = TYPES.get(path.suffix, "application/octet-stream")
    encoded = {}
    if content_type.startswith(COMPRESSED_TYPES) and len(content) >= COMPRESS_FROM:
        for coding, suffix in (("br", ".br"), ("gzip", ".gz")):
            made = path.with_name(path.name + suffix)
            if made.is_file():
                encoded[coding] = made.read_bytes()
        encoded.setdefault("gzip", gzip.compress(content, 9, mtime=0))
    return _File(stamp, content_type, content, encoded)


def _at_depth(page: bytes, depth: int) -> bytes:
    """The page with its base at the top, seen from that many segments below."""
    return page if depth < 2 else page.replace(_BASE, b'<base href="' + b"../" * (depth - 1) + b'"', 1)


def _answer_file(request: Request, found: _File, caching: str, content: bytes) -> bytes:
    request.setHeader(b"content-type", found.content_type.encode())
    request.setHeader(b"cache-control", caching.encode())
    if found.encoded:
        request.setHeader(b"vary", b"accept-encoding")
    coding = _coding(request, found)
    tag = hashlib.sha256(content + coding.encode()).hexdigest()[:20]
    if request.setETag(f'"{tag}"'.encode()) is http.CACHED:
        return b""
    if coding:
        request.setHeader(b"content-encoding", coding.encode())
        content = found.encoded[coding] if content is found.content else gzip.compress(content, 6, mtime=0)
    request.setHeader(b"content-length", b"%d" % len(content))
    return content


def _coding(request: Request, found: _File) -> str:
    """The best coding that the caller takes; empty: none. A page made for its depth is always gzip."""
    taken = {}
    for part in (request.getHeader("accept-encoding") or "")[:1024].split(","):
        name, _, parameter = part.strip().lower().partition(";")
        taken[name.strip()] = parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    is_page = found.content_type.startswith("text/html")
    codings = ("gzip",) if is_page else ("br", "gzip")
    return next((coding for coding in codings if taken.get(coding) and coding in found.encoded), "")


def _answer_text(request: Request, status: int, text: str) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    request.setHeader(b"cache-control", b"no-store")
    return text.encode()


def _set_headers(request: Request) -> None:
    request.setHeader(b"content-security-policy", CONTENT_POLICY.encode())
    request.setHeader(b"x-content-type-options", b"nosniff")
    request.setHeader(b"referrer-policy", b"no-referrer")
    request.setHeader(b"cross-origin-opener-policy", b"same-origin")
    request.setHeader(b"cross-origin-resource-policy", b"same-origin")
    pin_transport(request)
