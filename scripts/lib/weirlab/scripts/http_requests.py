#!/usr/bin/env python3
"""HTTP requests one after the other, each on a connection of its own and with a path of its own.

    http_requests.py SOURCE SERVER COUNT PER_SECOND

Ends with the number of answers with status 200; a request without an answer within five seconds
counts as none.
"""

import http.client
import sys
import time


def main(source, server, count, per_second):
    answered = 0
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begin + number / per_second - time.monotonic()))
        connection = http.client.HTTPConnection(server, 80, 5, source_address=(source, 0))
        try:
            connection.request("GET", f"/request/{number}", headers={"Host": "www.lab.example",
                                                                     "Connection": "close"})
            answered += connection.getresponse().status == 200
        except OSError:
            pass  # not answered, and so not counted
        finally:
            connection.close()
    print(answered)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
