"""Attacks 66 and 67: reaches for the service, its neighbours and the cloud's own address, by every tool.

The argument is the port that the service listens on.
"""
import errno
import os
import socket
import subprocess
import sys

port = int(sys.argv[1])
PLACES = [("127.0.0.1", port), ("127.0.0.1", 6379), ("127.0.0.1", 3000), ("127.0.0.1", 3033),
          ("127.0.0.1", 22),
          ("0.0.0.0", port), ("169.254.169.254", 80), ("10.0.0.1", 80), ("172.17.0.1", port), ("1.1.1.1", 53)]


def outcome(call):
    try:
        call()
        return "reached"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))


for place in PLACES:
    print("tcp", outcome(lambda: socket.create_connection(place, 2)))
    print("udp", outcome(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", place)))
for place in ("::1", "::ffff:127.0.0.1", "fd00:ec2::254"):
    print("tcp6", outcome(lambda: socket.socket(socket.AF_INET6).connect((place, port))))
print("vsock", outcome(lambda: socket.socket(40, socket.SOCK_STREAM)))
for command in (f"exec 3<>/dev/tcp/127.0.0.1/{port}", f"curl -s -m 2 http://127.0.0.1:{port}/v1/health",
                f"curl -s -m 2 http://localhost:{port}/v1/health",
                f"wget -q -t 1 -T 2 -O- http://127.0.0.1:{port}/",
                f"node -e 'fetch(\"http://127.0.0.1:{port}/v1/health\").catch(() => process.exit(1))'"):
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    print("tool", "refused" if done.returncode and not done.stdout else done.stdout)
# Local sockets by path: those of the host's services are not in this tree.
for path in ("/run/docker.sock", "/var/run/docker.sock", "/run/systemd/private",
             "/run/dbus/system_bus_socket",
             "/run/containerd/containerd.sock", "/tmp/.X11-unix/X0", "/run/redis/redis.sock",
             "/run/nscd/socket"):
    print("unix", outcome(lambda: socket.socket(socket.AF_UNIX).connect(path)))
# EAI_NONAME or EAI_AGAIN: there is nobody to ask.
print("name", "none" if outcome(lambda: socket.getaddrinfo("example.com", 80)) in ("-2", "-3") else "found")
with open("/proc/net/dev") as file:
    print("interfaces", [line.split(":")[0].strip() for line in file if ":" in line])
os._exit(0)
