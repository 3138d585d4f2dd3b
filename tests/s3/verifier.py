"""A proxy before an S3 server that lets nothing pass whose signature or checksum is wrong.

The signatures are computed anew from what has arrived, by an implementation of its own that shares nothing with the one
under test. See https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
"""

import base64
import datetime
import hashlib
import hmac
import http.client
import http.server
import re
import threading
import urllib.parse

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<day>\d{8})/(?P<region>[^/,]+)/s3/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})")
MAX_BODY = 1 << 30
PATIENCE = datetime.timedelta(minutes=15)
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "authorization"}


class Refused(Exception):
    """An answer of the proxy's own."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code = status, code


def canonical_query(raw):
    pairs = []
    for item in filter(None, raw.split("&")):
        name, _, value = item.partition("=")
        pairs.append(tuple(urllib.parse.quote(urllib.parse.unquote(part), safe="-._~") for part in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def canonical_path(raw):
    return urllib.parse.quote(urllib.parse.unquote(raw), safe="/-._~")


def expected_signature(method, target, headers, signed, payload_hash, secret, region):
    """What a client with this secret has to send. `headers` has lower-case names."""
    path, _, query = target.partition("?")
    fields = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed)
    canonical = "\n".join([method, canonical_path(path), canonical_query(query), fields, ";".join(signed), payload_hash])
    time = headers["x-amz-date"]
    scope = f"{time[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (time[:8], region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def verify(method, target, headers, body, keys, region):
    """Raises Refused unless the request is signed with one of `keys` (access key -> secret) for `region`."""
    match = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not match:
        raise Refused(403, "AccessDenied", "no signature")
    if match["key"] not in keys:
        raise Refused(403, "InvalidAccessKeyId", "unknown access key")
    if match["region"] != region:
        raise Refused(400, "AuthorizationHeaderMalformed", "another region")
    signed = match["headers"].split(";")
    must = {"host"} | {name for name in headers if name.startswith("x-amz-")} | ({"content-type"} & headers.keys())
    if signed != sorted(set(signed)) or not must <= set(signed) <= headers.keys():
        raise Refused(403, "AccessDenied", "headers that must be signed are not")
    time = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs(datetime.datetime.now(datetime.timezone.utc) - time) > PATIENCE or match["day"] != headers["x-amz-date"][:8]:
        raise Refused(403, "RequestTimeTooSkewed", "another time")
    payload_hash = headers.get("x-amz-content-sha256", "")
    wanted = expected_signature(method, target, headers, signed, payload_hash, keys[match["key"]], region)
    if not hmac.compare_digest(wanted, match["signature"]):
        raise Refused(403, "SignatureDoesNotMatch", "the signature is not that of this request")
    if payload_hash != "UNSIGNED-PAYLOAD" and payload_hash != hashlib.sha256(body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch", "the body is not what was signed")
    if "content-md5" in headers and base64.b64encode(hashlib.md5(body).digest()).decode() != headers["content-md5"]:
        raise Refused(400, "BadDigest", "the body is not what Content-MD5 says")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120

    def log_message(self, *arguments):
        pass

    def serve(self):
        headers = {}
        for name, value in self.headers.items():
            headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
        length = int(headers.get("content-length") or 0)
        if length > MAX_BODY or "transfer-encoding" in headers:
            self.close_connection = True
            return self.refuse(Refused(411, "MissingContentLength", "no length, or too much of it"))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        try:
            verify(self.command, self.path, headers, body, self.server.keys, self.server.region)
        except Refused as refused:
            self.server.refusals.append(f"{self.command} {self.path}: {refused.code}: {refused}")
            return self.refuse(refused)
        return self.forward(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

    def refuse(self, refused):
        text = f"<?xml version=\"1.0\"?><Error><Code>{refused.code}</Code><Message>{refused}</Message></Error>".encode()
        self.send_response(refused.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def forward(self, body):
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=120)
        try:
            kept = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            upstream.request(self.command, self.path, body or None, kept)
            answer = upstream.getresponse()
            self.pass_on(answer)
        except (ConnectionError, http.client.HTTPException, TimeoutError):
            self.close_connection = True  # half an answer must not look whole
        finally:
            upstream.close()

    def pass_on(self, answer):
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        empty = self.command == "HEAD" or answer.status in (204, 304)
        chunked = answer.getheader("Content-Length") is None and not empty
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not empty and (piece := answer.read(65536)):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")


class Verifier(http.server.ThreadingHTTPServer):
    """Listens on a free port of loopback; `refusals` has a line for every request that did not pass."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, upstream, keys, region):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.keys, self.region, self.refusals = upstream, keys, region, []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def port(self):
        return self.server_address[1]

    def handle_error(self, request, client_address):
        pass  # clients may leave whenever they like

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()
