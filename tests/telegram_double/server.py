"""The Bot API double's HTTP side: a tornado server in a thread, faults, and flood counters."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import tornado.httpserver
import tornado.netutil
import tornado.web

from tests.telegram_double.chats import Chat, Json, Member
from tests.telegram_double.methods import METHODS, ApiError

FAULTS = (
    "rate_limit",  # 429 with retry_after (seconds)
    "server_error",  # status, default 502
    "slow",  # accepted, answered after `seconds`
    "forbidden",  # 403 bot was blocked by the user
    "bad_request",  # 400 with `description`
    "malformed",  # accepted, answered 200 with something that is no JSON
    "drop_before",  # connection closed, nothing accepted
    "drop_after",  # accepted, then the connection is closed without an answer
)


@dataclass
class Fault:
    method: str | None
    kind: str
    chat_id: int | None
    times: int
    options: Json


@dataclass(frozen=True)
class Call:
    method: str
    params: Json
    at: float
    ok: bool


class TelegramDouble:
    """See the package's docstring. All state is guarded by `lock`; tests may read it under the lock."""

    def __init__(self, *, token: str = "7000000:TEST-token", enforce_limits: bool = False) -> None:
        self.lock = threading.RLock()
        self.token = token
        self.bot_id = int(token.split(":")[0])
        self.bot_username = "pendamping_test_bot"
        self.enforce_limits = enforce_limits
        self.chats: dict[int, Chat] = {}
        self.updates: deque[Json] = deque()
        self.calls: list[Call] = []
        self.flood_violations: list[str] = []
        self.commands: Json = {}
        self.webhook_url = ""
        self.queries: set[str] = set()
        self.answered: dict[str, str] = {}
        self.poll_conflicts = 0
        self.polls = 0
        self._faults: list[Fault] = []
        self._sends: deque[tuple[float, int]] = deque()
        self._next_update = 500_000
        self._private_counter = 1000
        self._query_counter = 0
        self._poll_generation = 0
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    # -- life --------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> TelegramDouble:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="telegram-double", daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the Bot API double did not start")
        return self

    def stop(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
            self._loop = None

    def __enter__(self) -> TelegramDouble:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, ready: threading.Event) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._wake = asyncio.Event()
            self._stop = asyncio.Event()
            routes = [(r"/(file/)?bot([^/]+)/([A-Za-z]+)", _Handler, {"double": self})]
            server = tornado.httpserver.HTTPServer(tornado.web.Application(routes, log_function=lambda _: None))
            sockets = tornado.netutil.bind_sockets(self.port, "127.0.0.1")
            server.add_sockets(sockets)
            self.port = sockets[0].getsockname()[1]
            ready.set()
            await self._stop.wait()
            server.stop()
            await server.close_all_connections()

        asyncio.run(serve())

    # -- what tests do -----------------------------------------------------------------------------

    def person(self, chat_id: int, name: str = "Siti", *, language_code: str = "id") -> Member:
        """A private chat with somebody."""
        with self.lock:
            chat = self.chats.setdefault(chat_id, Chat(self, chat_id, "private", name))
            return Member(chat, chat_id, name, language_code=language_code)

    def group(self, chat_id: int, title: str, *, kind: str = "supergroup", forum: bool = False) -> Chat:
        with self.lock:
            return self.chats.setdefault(chat_id, Chat(self, chat_id, kind, title, forum=forum))

    def push(self, body: Json, *, update_id: int | None = None) -> int:
        """Queue an update for the bot (Bot API fields without update_id). Returns its id."""
        with self.lock:
            if update_id is None:
                update_id = self._next_update
                self._next_update += 1
            self.updates.append({"update_id": update_id, **json.loads(json.dumps(body))})
        self._notify()
        return update_id

    def redeliver(self, update: Json) -> None:
        """Queue an update again, as Telegram does when a confirmation got lost."""
        with self.lock:
            self.updates.appendleft(update)
        self._notify()

    def fault(
        self, method: str | None, kind: str, *, chat_id: int | None = None, times: int = 1, **options: Any
    ) -> None:
        """Make the next `times` calls of `method` (None: of any but getUpdates) to `chat_id` (None: any) fail."""
        if kind not in FAULTS:
            raise ValueError(f"expected one of {FAULTS}, got {kind!r}")
        with self.lock:
            self._faults.append(Fault(method, kind, chat_id, times, options))

    def clear_faults(self) -> None:
        with self.lock:
            self._faults.clear()

    def called(self, method: str) -> list[Call]:
        with self.lock:
            return [call for call in self.calls if call.method == method]

    # -- inside ------------------------------------------------------------------------------------

    def next_private_id(self) -> int:
        self._private_counter += 1
        return self._private_counter

    def next_query_id(self) -> str:
        self._query_counter += 1
        query_id = f"q{self._query_counter}"
        self.queries.add(query_id)
        return query_id

    def _notify(self) -> None:
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None:
            loop.call_soon_threadsafe(wake.set)

    def take_fault(self, method: str, chat_id: int | None) -> Fault | None:
        for fault in self._faults:
            wrong_method = fault.method != method if fault.method else method == "getUpdates"
            if wrong_method or fault.times <= 0 or (fault.chat_id is not None and fault.chat_id != chat_id):
                continue
            fault.times -= 1
            return fault
        return None

    def count_flood(self, chat_id: int) -> float | None:
        """Count a send against Telegram's limits; returns retry_after where the limits are enforced and passed."""
        now = time.monotonic()
        self._sends.append((now, chat_id))
        while self._sends and now - self._sends[0][0] > 60:
            self._sends.popleft()
        last_second = [c for at, c in self._sends if now - at < 1]
        problem = None
        if len(last_second) > 34:  # 30, and what a busy machine lets arrive late and together
            problem = f"overall: {len(last_second)} in a second"
        elif chat_id < 0 and sum(c == chat_id for _, c in self._sends) > 20:
            problem = f"group {chat_id}: more than 20 in a minute"
        elif chat_id > 0 and sum(c == chat_id for at, c in self._sends if now - at < 5) > 9:
            problem = f"chat {chat_id}: more than 9 in 5 s"
        if problem is None:
            return None
        self.flood_violations.append(problem)
        if self.enforce_limits:
            self._sends.pop()
            return 3.0
        return None

    async def poll(self, params: Json) -> tuple[int, Json]:
        """getUpdates, with long polling and the 409 of a second poller."""
        assert self._wake is not None
        with self.lock:
            if self.webhook_url:
                self.poll_conflicts += 1
                return 409, _error(409, "Conflict: can't use getUpdates method while webhook is active")
            self._poll_generation += 1
            self.polls += 1
            mine = self._poll_generation
            offset, limit = int(params.get("offset") or 0), int(params.get("limit") or 100)
            if offset:
                self.updates = deque(u for u in self.updates if u["update_id"] >= offset)
        self._wake.set()
        deadline = time.monotonic() + min(float(params.get("timeout") or 0), 50)
        while True:
            with self.lock:
                if mine != self._poll_generation:
                    self.poll_conflicts += 1
                    return 409, _error(409, "Conflict: terminated by other getUpdates request")
                if self.updates:
                    return 200, {"ok": True, "result": list(self.updates)[:limit]}
                self._wake.clear()
            left = deadline - time.monotonic()
            if left <= 0:
                return 200, {"ok": True, "result": []}
            try:
                await asyncio.wait_for(self._wake.wait(), min(left, 1.0))
            except TimeoutError:
                continue


def _error(code: int, description: str, **parameters: Any) -> Json:
    body: Json = {"ok": False, "error_code": code, "description": description}
    return body | ({"parameters": parameters} if parameters else {})


class _Handler(tornado.web.RequestHandler):
    def initialize(self, double: TelegramDouble) -> None:
        self.double = double

    def _params(self) -> Json:
        if self.request.headers.get("Content-Type", "").startswith("application/json"):
            return dict(json.loads(self.request.body or b"{}"))
        params: Json = {}
        for name in self.request.arguments:
            value = self.get_argument(name, strip=False)
            params[name] = value
            if name not in {"text", "caption", "name"} and (value[:1] in "{[" or name.endswith(("id", "_ids"))):
                with contextlib.suppress(ValueError):
                    params[name] = json.loads(value)
        for name, files in self.request.files.items():
            params[name] = {"filename": files[0].filename, "body": files[0].body}
        return params

    async def get(self, is_file: str | None, token: str, method: str) -> None:
        await self.post(is_file, token, method)

    async def post(self, _is_file: str | None, token: str, method: str) -> None:
        double = self.double
        if token != double.token:
            return self._answer(401, _error(401, "Unauthorized"))
        params = self._params()
        raw_chat = params.get("chat_id")
        chat_id = int(raw_chat) if str(raw_chat).lstrip("-").isdigit() else None
        with double.lock:
            fault = double.take_fault(method, chat_id)
        kind = fault.kind if fault else ""
        options = fault.options if fault else {}
        if kind == "drop_before":
            return self._hang_up()
        if kind == "rate_limit":
            seconds = options.get("retry_after", 1)
            return self._answer(429, _error(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds))
        if kind == "server_error":
            status = options.get("status", 502)
            return self._answer(status, _error(status, "Bad Gateway"))
        if kind == "forbidden":
            return self._answer(403, _error(403, "Forbidden: bot was blocked by the user"))
        if kind == "bad_request":
            return self._answer(400, _error(400, options.get("description", "Bad Request: wrong")))
        if method == "getUpdates":
            status, body = await double.poll(params)
        else:
            status, body = self._act(method, params, chat_id)
        if kind == "drop_after":
            return self._hang_up()
        if kind == "malformed":
            self.finish("<html>this is no JSON")
            return None
        if kind == "slow":
            await asyncio.sleep(options.get("seconds", 1.0))
        return self._answer(status, body)

    def _act(self, method: str, params: Json, chat_id: int | None) -> tuple[int, Json]:
        double = self.double
        action = METHODS.get(method)
        with double.lock:
            if action is None:
                return 404, _error(404, "Not Found: method not found")
            if chat_id is not None and method.startswith(("send", "copy", "forward")) and method != "sendChatAction":
                wait = double.count_flood(chat_id)
                if wait is not None:
                    return 429, _error(429, f"Too Many Requests: retry after {wait:g}", retry_after=int(wait))
            try:
                status, body = 200, {"ok": True, "result": action(double, params)}
            except ApiError as exc:
                status, body = exc.code, _error(exc.code, exc.description, **exc.parameters)
            double.calls.append(Call(method, params, time.time(), status == 200))
        return status, body

    def _answer(self, status: int, body: Json) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))

    def _hang_up(self) -> None:
        self._finished = True
        connection: Any = self.request.connection
        connection.stream.close()
