"""Read API lines on stdin with ExaBGP's own parser and say, per line, what it understood (or null).

Run with the Python that holds Debian's exabgp package. Prints one JSON array: text of the route and of its attributes.
"""
import json
import sys

from exabgp.configuration.setup import environment

environment.setup('')
from exabgp.reactor.api import API  # noqa: E402


class Reactor:
    configuration = None


def main():
    api = API(Reactor())
    api.configuration.static.clear()
    answers = []
    for line in sys.stdin.read().splitlines():
        command = line.split(' ', 1)[1]
        if line.split(' ')[1] == 'flow':
            changes = api.api_flow(line)
        else:
            changes = api.api_route(line)
        answers.append([change.extensive() for change in changes] if changes else None)
    json.dump(answers, sys.stdout)


main()
