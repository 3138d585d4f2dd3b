"""How tools are called, and the connections their calls go over.

A frame has `u32 length, u32 id`, little endian, and `length` bytes, both ways. Asked: the number of the tool, a NUL and
the input. Answered: `0` and the result, `1` and the tool's error, or `2` and why the call was not made.

With an event loop running, its calls share one connection that does not block; all that become ready in one turn of the
loop are sent in one go. Without one, nothing else could go on meanwhile, so a call blocks, on a connection of its thread.
A process that was forked makes its own. Every program loads this file, so it imports as little as it can.
"""
import os
import sys
from _json import encode_basestring_ascii, make_encoder, make_scanner
from _socket import AF_UNIX, SOCK_STREAM, socket
from _thread import _local
from _weakref import ref

HERE = os.path.dirname(os.path.abspath(__file__))
_ADDRESS = b"\0codeapi-tools"
_LONGEST = 1 << 20
_GONE = "the connection for tool calls was closed"


class ToolExecutionError(Exception):
    """A tool failed, or could not be called."""


# A name of the program's, as it would be if this were its beginning.
ToolExecutionError.__module__ = "__main__"


def _unknown(value):
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class _Scanning:
    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


# What the module json is made of, which itself costs as much as half an interpreter.
_scan = make_scanner(_Scanning)


def _encode(value):
    return "".join(make_encoder({}, _unknown, encode_basestring_ascii, None, ":", ",", False, False, False)(value, 0))


def _arguments(function, parameters, given, named):
    """All arguments by name; those given by position come first."""
    if len(given) > len(parameters):
        raise TypeError(f"{function}() takes at most {len(parameters)} positional arguments but {len(given)} were given")
    arguments = dict(zip(parameters, given))
    for name in arguments:
        if name in named:
            raise TypeError(f"{function}() got multiple values for argument '{name}'")
    arguments.update(named)
    return arguments


def _request(index, function, arguments):
    members = []
    for name, value in arguments.items():
        if value is None:
            continue
        try:
            members.append(f"{encode_basestring_ascii(name)}:{_encode(value)}")
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{function}(): argument '{name}': {error}") from None
    request = f"{index}\0{{{','.join(members)}}}".encode()
    if len(request) > _LONGEST:
        raise ValueError(f"{function}(): the input is longer than 1 MiB")
    return request


def _result(answer):
    text = str(memoryview(answer)[1:], "utf-8", "replace")
    if answer[:1] != b"0":
        raise ToolExecutionError(text)
    try:
        return _scan(text, 0)[0]
    except StopIteration:
        raise ToolExecutionError("the tool's result is not JSON") from None


def _connect():
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        connection.connect(_ADDRESS)
    except OSError as error:
        connection.close()
        raise ToolExecutionError(f"tools cannot be called here: {error.strerror}") from None
    return connection


def _frame(call, request):
    return len(request).to_bytes(4, "little") + call.to_bytes(4, "little") + request


def _flush():
    """What a program has printed belongs to the round before its call."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # closed, or none of ours


class _Blocking(_local):
    """One call at a time, for each thread."""

    connection = None

    def call(self, request):
        _flush()
        if self.connection is None:
            self.connection = _connect()
        try:
            self.connection.sendall(_frame(1, request))
            header = self._read(8)
            return self._read(int.from_bytes(header[:4], "little"))
        except OSError as error:
            self.forget()
            raise ToolExecutionError(f"{_GONE}: {error.strerror}") from None
        except BaseException:
            self.forget()  # an answer may still come, and would be taken for the next one's
            raise

    def _read(self, size):
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self.connection.recv_into(view)
            if count == 0:
                raise ToolExecutionError(_GONE)
            view = view[count:]
        return data

    def forget(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class _Shared:
    """The calls of one event loop. It keeps no reference to the loop."""

    def __init__(self, connection):
        connection.setblocking(False)
        self.connection = connection
        self.last = 0
        self.waiting = {}  # id: future, or None when nobody waits any more
        self.queue = []  # what this turn of the loop has brought: (id, frame)
        self.output = bytearray()
        self.input = bytearray()

    def __del__(self):
        self.connection.close()

    async def call(self, loop, request):
        self.last = call = self.last % 0xFFFFFFFF + 1
        if not self.waiting:
            loop.add_reader(self.connection.fileno(), self._readable, loop)
        self.waiting[call] = future = loop.create_future()
        if not self.queue:
            loop.call_soon(self._send, loop)
        self.queue.append((call, _frame(call, request)))
        try:
            return await future
        finally:
            if call in self.waiting:
                self.waiting[call] = None

    def _send(self, loop):
        _flush()
        queue, self.queue = self.queue, []
        for call, frame in queue:
            if call not in self.waiting:
                continue  # the connection has failed
            future = self.waiting[call]
            if future is None or future.done():
                self._done(loop, call)  # cancelled before it was sent
            else:
                self.output += frame
        if self.output:
            self._writable(loop)

    def _writable(self, loop):
        try:
            count = self.connection.send(self.output)
        except BlockingIOError:
            count = 0
        except OSError:
            self._failed(loop)
            return
        del self.output[:count]
        if self.output:
            loop.add_writer(self.connection.fileno(), self._writable, loop)
        else:
            loop.remove_writer(self.connection.fileno())

    def _readable(self, loop):
        try:
            data = self.connection.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._failed(loop)
            return
        self.input += data
        while len(self.input) >= 8:
            end = 8 + int.from_bytes(self.input[:4], "little")
            if len(self.input) < end:
                break
            call, answer = int.from_bytes(self.input[4:8], "little"), self.input[8:end]
            del self.input[:end]
            future = self._done(loop, call)
            if future is not None and not future.done():
                future.set_result(answer)

    def _done(self, loop, call):
        future = self.waiting.pop(call, None)
        if not self.waiting:
            loop.remove_reader(self.connection.fileno())
        return future

    def _failed(self, loop):
        loop.remove_reader(self.connection.fileno())
        loop.remove_writer(self.connection.fileno())
        self.connection.close()
        _shared.pop(id(loop), None)
        waiting, self.waiting = self.waiting, {}
        for future in waiting.values():
            if future is not None and not future.done():
                future.set_exception(ToolExecutionError(_GONE))


_blocking = _Blocking()
_shared = {}  # id of a loop: (weak reference to the loop, _Shared)


def _running_loop():
    asyncio = sys.modules.get("_asyncio")  # not the module asyncio: a program may have a file of that name
    return asyncio._get_running_loop() if asyncio else None


def _of_loop(loop):
    key = id(loop)
    known, shared = _shared.get(key, (None, None))
    if known is None or known() is not loop:
        shared = _Shared(_connect())
        _shared[key] = (ref(loop, lambda _: _shared.pop(key, None)), shared)
    return shared


def _after_fork():
    """The connections are the parent's, and so is the loop: Python says itself that it does not run here."""
    _blocking.forget()
    for _, shared in list(_shared.values()):
        shared.connection.close()
    _shared.clear()


def _function(index, name, function, parameters):
    async def call(*given, **named):
        request = _request(index, function, _arguments(function, parameters, given, named))
        loop = _running_loop()
        if loop is None:
            answer = _blocking.call(request)
        else:
            answer = await _of_loop(loop).call(loop, request)
        return _result(answer)

    call.__name__ = call.__qualname__ = function
    call.__module__ = "codeapi_tools"
    call.__doc__ = f"Calls the tool {name!r}. Parameters: {', '.join(parameters) or 'not declared'}."
    return call


def _functions():
    """By name. Of two tools with one name the last one has it."""
    with open(f"{HERE}/tools.json", encoding="utf-8") as file:
        tools = _scan(file.read(), 0)[0]
    functions = {
        tool["function"]: _function(index, tool["name"], tool["function"], tool["parameters"])
        for index, tool in enumerate(tools)
    }
    functions["ToolExecutionError"] = ToolExecutionError
    return functions


os.register_at_fork(after_in_child=_after_fork)
FUNCTIONS = _functions()
