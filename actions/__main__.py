"""`python -m actions`: serves the actions on loopback until stopped."""

from __future__ import annotations

import argparse
import sys

from actions.server import all_actions, configure_logging, serve
from actions.wording import read_wording
from knowledge.answer import Responder
from knowledge.contact import read_contacts
from knowledge.errors import KnowledgeError
from knowledge.settings import KnowledgeSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m actions", description="Serves Rasa's custom actions on loopback.")
    parser.add_argument("--port", type=int, default=5055)
    options = parser.parse_args()
    configure_logging()
    try:
        responder, contacts = Responder.load(KnowledgeSettings()), read_contacts()
    except KnowledgeError as exc:
        print(f"The action server can't start: {exc}", file=sys.stderr)
        return 2
    serve(all_actions(responder, contacts, read_wording()), port=options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
