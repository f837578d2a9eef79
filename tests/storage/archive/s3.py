"""A store that speaks as much S3 as files need, and takes nothing that is not signed (SigV4).

PUT, GET with ranges, HEAD, DELETE, uploads in parts, lists; objects in memory.
"""

import hashlib
import hmac
import re
from urllib.parse import quote, unquote

from aiohttp import web

KEY, SECRET, REGION = "AKIDTEST", "secret-of-the-test", "eu-test-1"


class FakeS3:
    """Objects of one bucket; ``refused`` counts requests whose signature did not fit."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refused = 0
        self.ranges: list[str] = []
        self._parts: dict[str, dict[int, bytes]] = {}

    def application(self) -> web.Application:
        """What serves it."""
        made = web.Application(client_max_size=2**26)
        made.router.add_route("*", "/{path:.*}", self._answer)
        return made

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not signed(request, body):
            self.refused += 1
            return web.Response(status=403)
        if request.headers.get("Content-Encoding", "").startswith("aws-chunked"):
            body = unchunked(body)
        name = unquote(request.raw_path.split("?")[0]).lstrip("/")
        match request.method:
            case "PUT" | "POST":
                return self._take(request, name, body)
            case "DELETE":
                self.objects.pop(name, None)
                return web.Response(status=204)
            case _:
                return self._give(request, name)

    def _take(self, request: web.Request, name: str, body: bytes) -> web.Response:
        asked = request.query
        if "uploads" in asked:
            self._parts[name] = {}
            text = f"<InitiateMultipartUploadResult><UploadId>{len(self._parts)}</UploadId>"
            return _xml(text + "</InitiateMultipartUploadResult>")
        if "partNumber" in asked:
            self._parts[name][int(asked["partNumber"])] = body
        elif "uploadId" in asked:
            self.objects[name] = b"".join(part for _, part in sorted(self._parts[name].items()))
            return _xml(
                "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
            )
        else:
            self.objects[name] = body
        return web.Response(headers={"ETag": '"e"'})

    def _give(self, request: web.Request, name: str) -> web.Response:
        if "list-type" in request.query:
            prefix = request.query.get("prefix", "")
            found = [one for one in self.objects if one.partition("/")[2].startswith(prefix)]
            keys = "".join(
                f"<Contents><Key>{one.partition('/')[2]}</Key><Size>1</Size></Contents>"
                for one in found
            )
            return _xml(
                f"<ListBucketResult><KeyCount>{len(found)}</KeyCount>{keys}</ListBucketResult>"
            )
        if name not in self.objects:
            return web.Response(status=404)
        body, headers = self.objects[name], {"ETag": '"e"'}
        if request.method == "HEAD":
            return web.Response(headers=headers | {"Content-Length": str(len(body))})
        ranged = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if ranged is None:
            return web.Response(body=body, headers=headers)
        self.ranges.append(ranged[0])
        first, last = int(ranged[1]), int(ranged[2])
        headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        return web.Response(status=206, body=body[first : last + 1], headers=headers)


def signed(request: web.Request, body: bytes) -> bool:
    """Whether a request is signed by us, over what it holds (AWS Signature Version 4)."""
    named = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request,"
        r" ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
        request.headers.get("Authorization", ""),
    )
    if named is None or (named[1], named[3]) != (KEY, REGION):
        return False
    payload = request.headers["x-amz-content-sha256"]
    if re.fullmatch("[0-9a-f]{64}", payload) and hashlib.sha256(body).hexdigest() != payload:
        return False
    path, _, query = request.raw_path.partition("?")
    pairs = sorted(
        tuple(quote(unquote(one), safe="-_.~") for one in part.partition("=")[::2])
        for part in query.split("&")
        if part
    )
    headers = "".join(f"{one}:{request.headers[one].strip()}\n" for one in named[4].split(";"))
    canonical = "\n".join(
        (request.method, path, "&".join("=".join(pair) for pair in pairs), headers, named[4],
         payload)
    )  # fmt: skip
    scope = f"{named[2]}/{REGION}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest))
    key = f"AWS4{SECRET}".encode()
    for word in (named[2], REGION, "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), named[5])


def unchunked(body: bytes) -> bytes:
    """What a body in signed or checked chunks holds."""
    found = b""
    while body:
        head, _, rest = body.partition(b"\r\n")
        size = int(head.partition(b";")[0], 16)
        if not size:
            break
        found += rest[:size]
        body = rest[size + 2 :]
    return found


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0"?>{text}', content_type="application/xml")
