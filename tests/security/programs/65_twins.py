"""Attack 65: everything that ought to be different for everybody. One line each: name, value."""
import ctypes
import os
import random
import secrets
import ssl
import subprocess
import tempfile
import uuid

libc = ctypes.CDLL(None)
libc.getauxval.restype = ctypes.c_void_p
print("random", random.random())
print("hash", hash("codeapi"))
print("uuid1", uuid.uuid1())
print("uuid4", uuid.uuid4())
print("urandom", os.urandom(16).hex())
print("secrets", secrets.token_hex(16))
print("tls", ssl.RAND_bytes(16).hex())
print("canary", ctypes.string_at(libc.getauxval(25), 16).hex())  # AT_RANDOM
print("layout", ctypes.cast(libc.getauxval, ctypes.c_void_p).value)
print("temporary", os.path.basename(tempfile.mktemp()))
node = "console.log(Math.random()); console.log(crypto.randomUUID())"
numbers = subprocess.check_output(["node", "-e", node], text=True).split()
print("node", numbers[0])
print("node_uuid", numbers[1])
print("bash", subprocess.check_output(["bash", "-c", "echo $SRANDOM-$SRANDOM"], text=True).strip())
