"""A client of the agent that asks one thing over and over on one connection; a program of its own, and a small one.

    python -I -S agent_client.py SOCKET COUNT

It reads the request and the value that is to be answered from stdin, a line of hex each, connects, prints `ready`, and
begins at the third line. Then it prints how many answers were right. Standard library only: what is measured is the
agent, and the clients take the processor's time from it.
"""

import socket
import sys

END_OF_HEAD = b"\r\n\r\n"


def main(path: str, count: int) -> None:
    """Ask `count` times, and say how many answers were right."""
    request, value = (bytes.fromhex(sys.stdin.readline()) for _ in range(2))
    right, known = 0, b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(count):
            connection.sendall(request)
            answer = connection.recv(65536)
            # One that was read closely before need not be again.
            if answer != known:
                answer = _whole(connection, answer)
                if not answer.startswith(b"HTTP/1.1 200 ") or answer.partition(END_OF_HEAD)[2] != value:
                    continue
                known = answer
            right += 1
    print(right, flush=True)


def _whole(connection: socket.socket, answer: bytes) -> bytes:
    """Return an answer with what of it was still to come."""
    while answer:
        head, end, body = answer.partition(END_OF_HEAD)
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if end and len(body) >= int(lines[b"content-length"]):
            return answer
        more = connection.recv(65536)
        answer = answer + more if more else b""
    raise ConnectionError("the agent hung up")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
