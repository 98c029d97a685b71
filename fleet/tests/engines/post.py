"""Sends files of OTLP JSON to a receiver on this machine, each line as a request.

    post.py FILE...

Returns an error if a request is refused, or if there are no lines.
"""

import socket
import sys
import time
import urllib.error
import urllib.request

PLACE = ("127.0.0.1", 4318)
URL = "http://127.0.0.1:4318/v1/logs"


def wait_for_receiver() -> None:
    for _ in range(100):
        try:
            socket.create_connection(PLACE).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise TimeoutError("the receiver does not start")


def main() -> int:
    wait_for_receiver()
    sent = 0
    for path in sys.argv[1:]:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                headers = {"Content-Type": "application/json"}
                request = urllib.request.Request(URL, line, headers)
                try:
                    urllib.request.urlopen(request, timeout=30).close()
                except urllib.error.HTTPError as error:
                    reason = error.read().decode(errors="replace")
                    print(f"{path}:{number} was refused: {error.code} {reason}", file=sys.stderr)
                    return 1
                sent += 1
    print(f"rotel took {sent} requests")
    return 0 if sent else 1


if __name__ == "__main__":
    sys.exit(main())
