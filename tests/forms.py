"""multipart/form-data as the clients send it: the form-data package's quoting, raw UTF-8 names."""

import json
import uuid

BOUNDARY_BYTES = 24


def quoted(name):
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


class Form:
    """Fields and files in order."""

    def __init__(self, *files, **fields):
        """`files` are (name, bytes) or (name, bytes, content type)."""
        self.boundary = "-" * 26 + uuid.uuid4().hex[:24]
        self.parts = []
        for name, value in fields.items():
            self.field(name, value)
        for file in files:
            self.file(*file)

    def field(self, name, value):
        self.parts.append((f'Content-Disposition: form-data; name="{name}"\r\n', str(value).encode()))
        return self

    def file(self, name, content, content_type="application/octet-stream"):
        head = f'Content-Disposition: form-data; name="file"; filename="{quoted(name)}"\r\n'
        self.parts.append((head + f"Content-Type: {content_type}\r\n", content))
        return self

    @property
    def content_type(self):
        return f"multipart/form-data; boundary={self.boundary}"

    def pieces(self):
        """The body, in the pieces in which it is sent."""
        for head, content in self.parts:
            yield f"--{self.boundary}\r\n{head}\r\n".encode()
            if isinstance(content, bytes):
                yield content
            else:
                yield from content
            yield b"\r\n"
        yield f"--{self.boundary}--\r\n".encode()

    def body(self):
        return b"".join(self.pieces())


def post_form(server, form, path="/v1/upload", headers=None, timeout=90):
    """Sends the form in chunks, as LibreChat does."""
    connection = server.connect(timeout)
    try:
        connection.request("POST", path, form.pieces(), {"Content-Type": form.content_type, **(headers or {})},
                           encode_chunked=True)
        response = connection.getresponse()
        body = response.read()
        return response.status, json.loads(body), response.headers
    finally:
        connection.close()


def upload(server, *files, headers=None, path="/v1/upload", **fields):
    """Uploads files, which must succeed; the answer."""
    status, answer, _ = post_form(server, Form(*files, **{"kind": "user", "id": "user-0001", **fields}), path, headers)
    assert status == 200 and answer["message"] == "success", (status, answer)
    return answer


def references(answer, kind="user", resource_id="user-0001", **more):
    """An upload's files as entries of a request's `files`."""
    return [{"id": file["fileId"], "resource_id": resource_id, "name": file["filename"],
             "storage_session_id": answer["storage_session_id"], "kind": kind, **more} for file in answer["files"]]
