import gzip
import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from treq.testing import RequestTraversalAgent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import readBody
from twisted.web.http_headers import Headers

from zerogo.controller.static_files import MISSING, StaticFiles, _segments

PAGE = b'<!doctype html><base href="./"><title>ZeroGo</title>' + b"<!-- a page of some length -->" * 50
SCRIPT = b"export const answer = 42;\n" * 100


class Got:
    def __init__(self, response: object, body: bytes) -> None:
        self.status: int = response.code  # type: ignore[attr-defined]
        self._headers = response.headers  # type: ignore[attr-defined]
        self.body = body

    def header(self, name: str) -> str:
        return (self._headers.getRawHeaders(name) or [""])[0]


class StaticFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        (self.root / "assets").mkdir(parents=True)
        (self.root / "index.html").write_bytes(PAGE)
        (self.root / "assets" / "index-Ab3dE_9x.js").write_bytes(SCRIPT)
        (self.root / "assets" / "plain.js").write_bytes(b"1")
        (self.root / "logo.png").write_bytes(b"png" * 1000)
        (self.root.parent / "secret.txt").write_text("not for you")
        self.agent = RequestTraversalAgent(StaticFiles(self.root))

    def get(self, path: str, method: str = "GET", **headers: str) -> Got:
        sent = Headers({name.replace("_", "-"): [value] for name, value in headers.items()})
        made = self.agent.request(method.encode(), b"http://controller" + path.encode(), sent)
        self.agent.flush()
        response = self.successResultOf(made)
        return Got(response, self.successResultOf(readBody(response)))

    def test_the_page_is_at_the_top_and_at_every_address_of_its_own(self) -> None:
        for path in ("/", "/networks", "/index.html"):
            got = self.get(path)
            self.assertEqual((got.status, got.body), (200, PAGE), path)
            self.assertEqual(got.header("content-type"), "text/html; charset=utf-8")
            self.assertEqual(got.header("cache-control"), "no-cache")

    def test_its_base_leads_back_to_the_top_at_any_depth(self) -> None:
        for path, base in (("/a", b"./"), ("/a/b", b"../"), ("/networks/x/links/y", b"../../../")):
            self.assertIn(b'<base href="' + base + b'">', self.get(path).body, path)
        packed = self.get("/a/b", accept_encoding="gzip")
        self.assertIn(b'<base href="../">', gzip.decompress(packed.body))

    def test_no_other_script_runs_and_nobody_frames_it(self) -> None:
        for path in ("/", "/assets/index-Ab3dE_9x.js", "/none.js"):
            policy = self.get(path).header("content-security-policy").split("; ")
            self.assertIn("default-src 'none'", policy)
            self.assertIn("script-src 'self'", policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertEqual(self.get(path).header("x-content-type-options"), "nosniff")
            self.assertEqual(self.get(path).header("referrer-policy"), "no-referrer")

    def test_what_has_a_hash_in_its_name_is_kept_for_a_year_and_nothing_else(self) -> None:
        self.assertIn("immutable", self.get("/assets/index-Ab3dE_9x.js").header("cache-control"))
        for path in ("/assets/plain.js", "/logo.png", "/"):
            self.assertEqual(self.get(path).header("cache-control"), "no-cache", path)

    def test_what_is_unchanged_is_not_sent_again(self) -> None:
        first = self.get("/assets/plain.js")
        again = self.get("/assets/plain.js", if_none_match=first.header("etag"))
        self.assertEqual((again.status, again.body), (304, b""))
        (self.root / "assets" / "plain.js").write_bytes(b"22")
        changed = self.get("/assets/plain.js", if_none_match=first.header("etag"))
        self.assertEqual((changed.status, changed.body), (200, b"22"))

    def test_text_is_compressed_for_who_takes_it(self) -> None:
        path = "/assets/index-Ab3dE_9x.js"
        packed = self.get(path, accept_encoding="br, gzip;q=0.8")
        self.assertEqual(packed.header("content-encoding"), "gzip")
        self.assertEqual(packed.header("vary"), "accept-encoding")
        self.assertEqual(gzip.decompress(packed.body), SCRIPT)
        for taken in ("", "identity", "gzip;q=0", "x" * 5000):
            plain = self.get(path, accept_encoding=taken)
            self.assertEqual((plain.header("content-encoding"), plain.body), ("", SCRIPT), taken)
        self.assertEqual(self.get("/logo.png", accept_encoding="gzip").header("content-encoding"), "")
        self.assertNotEqual(packed.header("etag"), self.get(path).header("etag"))

    def test_a_packed_file_beside_it_is_taken_as_it_is(self) -> None:
        (self.root / "assets" / "index-Ab3dE_9x.js.gz").write_bytes(b"made by the build")
        got = self.get("/assets/index-Ab3dE_9x.js", accept_encoding="gzip")
        self.assertEqual(got.body, b"made by the build")

    def test_a_file_that_is_not_there_is_no_page(self) -> None:
        for path in ("/assets/none.js", "/favicon.ico", "/assets/index-Ab3dE_9x.js/x.js"):
            got = self.get(path)
            self.assertEqual((got.status, got.header("content-type")), (404, "text/plain; charset=utf-8"), path)

    def test_nothing_outside_is_served(self) -> None:
        os.symlink(self.root.parent / "secret.txt", self.root / "link.txt")
        for path in (
            "/link.txt",
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/assets/%2e%2e/%2e%2e/secret.txt",
            "//etc/passwd",
            "/%00",
            "/..%5csecret.txt",
        ):
            got = self.get(path)
            self.assertIn(got.status, (400, 404), path)
            self.assertNotIn(b"not for you", got.body)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=60))
    def test_any_path_is_split_into_harmless_parts_or_refused(self, path: bytes) -> None:
        for part in _segments(b"/" + path) or ():
            self.assertNotIn(part, ("", ".", ".."))
            self.assertFalse(set(part) & {"/", "\\", "\0"})

    def test_without_a_build_it_says_so_in_one_sentence(self) -> None:
        self.agent = RequestTraversalAgent(StaticFiles(None))
        got = self.get("/")
        self.assertEqual((got.status, got.body.decode()), (404, MISSING))

    def test_only_reading_is_possible(self) -> None:
        self.assertEqual(self.get("/", method="POST").status, 405)
        self.assertEqual(self.get("/", method="HEAD").body, b"")
