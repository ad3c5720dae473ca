"""Serves the trained model with the one channel, on loopback. Started by path: `.venv-rasa/bin/python serve.py …`.

`rasa run` would do, but for two things: its `--enable-api` lets every local program read conversations, and without
it there is no address that tells when the model is loaded.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from functools import partial
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the project")
    parser.add_argument("--model", type=Path, required=True, help="trained model (.tar.gz)")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    if not options.model.exists():
        parser.exit(2, f"There is no trained model at {options.model}: train it first (make setup).\n")
    # This file's own folder came first on the path; `bot.rasa_components` must be found as a package instead.
    sys.path[0] = str(options.root)
    os.chdir(options.root)
    serve(options.model, options.port)


def serve(model: Path, port: int) -> None:
    """Load the model and answer until stopped."""
    from bot.rasa_components.quick_load import prepare

    prepare()

    import rasa.core.run
    import rasa.telemetry
    import rasa.utils.tensorflow.environment
    from rasa.core.utils import AvailableEndpoints
    from rasa.utils.common import configure_logging_and_warnings
    from rasa.utils.log_utils import configure_structlog
    from sanic import response
    from sanic.request import Request
    from sanic.response import HTTPResponse

    # At INFO and below Rasa writes utterances into its log.
    configure_logging_and_warnings(logging.WARNING, None, warn_only_once=True, filter_repeated_logs=True)
    configure_structlog(logging.WARNING)
    rasa.utils.tensorflow.environment.setup_tf_environment()
    endpoints = AvailableEndpoints.read_endpoints("endpoints.yml")
    channels = rasa.core.run.create_http_input_channels(None, "credentials.yml")
    app = rasa.core.run.configure_app(channels, enable_api=False, port=port, endpoints=endpoints)

    @app.get("/status")
    async def status(request: Request) -> HTTPResponse:
        agent = getattr(request.app.ctx, "agent", None)
        ready = agent is not None and agent.is_ready()
        return response.json({"status": "ok" if ready else "loading"}, status=200 if ready else 503)

    app.register_listener(
        partial(rasa.core.run.load_agent_on_start, str(model), endpoints, None), "before_server_start"
    )
    app.register_listener(rasa.core.run.close_resources, "after_server_stop")
    app.run(host="127.0.0.1", port=port, workers=1, access_log=False)


if __name__ == "__main__":
    main()
