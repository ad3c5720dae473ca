"""Prints the performance tables: screen, retrieval, index growth, and turns through the whole stack with its memory.

Run alone on the machine: anything else that works at the same time is measured with it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bot.risk import RiskScreen
from knowledge.answer import Responder
from knowledge.dataset import Part, read_questions
from knowledge.settings import KnowledgeSettings
from knowledge.table import text_table
from knowledge.vector_index import VectorIndex
from tests.stack import Stack, running_stack

_DIMENSION = 384
#: Questions for the stack without risk in them: with a case open the bot rightly keeps quiet.
_PLAIN = (
    "biaya rehabilitasi berapa",
    "syarat masuk rehab apa saja",
    "apa itu therapeutic community",
    "jadwal sehari-hari di rehab gimana",
    "berapa lama ganja terdeteksi di tes urine",
    "how long does rehab take",
    "apa itu rumah damping",
    "bpjs menanggung rehab tidak",
)


def percentiles(times_ms: Sequence[float]) -> tuple[str, str, str]:
    """Return p50, p95 and p99, milliseconds."""
    return tuple(f"{np.percentile(times_ms, p):.1f}" for p in (50, 95, 99))  # type: ignore[return-value]


def main() -> int:
    """Print every table; `--quick` leaves out the stack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the whole stack")
    parser.add_argument("--stack", action="store_true", help="only the whole stack")
    arguments = parser.parse_args()
    settings = KnowledgeSettings()
    questions = [question.text for question in read_questions(settings.questions_dir, Part.EVALUATE)]
    if not arguments.stack:
        print(bench_screen(settings, questions), flush=True)
        print(bench_retrieval(settings, questions), flush=True)
        print(bench_growth(), flush=True)
    if not arguments.quick:
        with running_stack() as stack:
            print(bench_turns(stack, _PLAIN * 5), flush=True)
            print(bench_load(stack, _PLAIN), flush=True)
            print(memory(stack), flush=True)
    return 0


def bench_screen(settings: KnowledgeSettings, questions: Sequence[str]) -> str:
    """Time the risk screen on one core, by length."""
    screen = RiskScreen.load(settings.risk_model, settings.encoder_dir)
    rows = []
    for name, texts in (
        ("questions up to 500 characters", [q[:500] for q in questions[:400]]),
        ("10,000 characters", [(" ".join(questions[i : i + 150]))[:10_000] for i in range(0, 400, 20)]),
    ):
        screen.screen(texts[0])
        times = []
        for text in texts:
            begun = time.perf_counter()
            screen.screen(text)
            times.append((time.perf_counter() - begun) * 1000)
        rows.append((name, str(len(times)), *percentiles(times)))
    return text_table("Risk screen, ms on one core", ("text", "n", "p50", "p95", "p99"), rows)


def bench_retrieval(settings: KnowledgeSettings, questions: Sequence[str]) -> str:
    """Time whole answers, normalisation and encoding included."""
    responder = Responder.load(settings)
    responder.answer(["halo"])
    times = []
    for question in questions:
        begun = time.perf_counter()
        responder.answer([question])
        times.append((time.perf_counter() - begun) * 1000)
    rows = [("answer", str(len(times)), *percentiles(times))]
    return text_table("Retrieval, ms on one core", ("", "n", "p50", "p95", "p99"), rows)


def bench_growth() -> str:
    """Time the vector search alone as the index grows; clustered vectors, as texts by topic are."""
    rows = []
    generator = np.random.default_rng(1)
    for size in (1_000, 10_000, 50_000, 100_000):
        centres = generator.normal(size=(size // 50, _DIMENSION))
        vectors = (np.repeat(centres, 50, axis=0) + 0.5 * generator.normal(size=(size, _DIMENSION))).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        begun = time.perf_counter()
        index = VectorIndex.build(vectors)
        built = time.perf_counter() - begun
        times = []
        for query in vectors[generator.integers(0, size, 100)]:
            begun = time.perf_counter()
            index.search(query, 200)
            times.append((time.perf_counter() - begun) * 1000)
        rows.append((f"{size:,}", "exact" if index.is_exact else "inverted file", f"{built:.1f}", *percentiles(times)))
    return text_table("Vector search, ms", ("vectors", "search", "build s", "p50", "p95", "p99"), rows)


def bench_turns(stack: Stack, questions: Sequence[str]) -> str:
    """Time one person's turns on an idle stack, from Telegram's update to the reply."""
    person = stack.newcomer(2_000)
    times = []
    for question in questions:
        seen = len(person.texts())
        begun = time.perf_counter()
        person.say(question)
        person.wait_count(seen + 1, timeout_s=30)
        times.append((time.perf_counter() - begun) * 1000)
        time.sleep(1.1)  # Telegram's limit of one message a second and chat is kept, and not measured
    rows = [("idle stack", str(len(times)), *percentiles(times))]
    return text_table("One turn, ms from update to reply", ("", "n", "p50", "p95", "p99"), rows)


def bench_load(stack: Stack, questions: Sequence[str]) -> str:
    """Send at a steady rate from many chats, and one page in the middle of it."""
    rows = []
    for rate, seconds, first in ((5, 12, 3_000), (30, 20, 4_000)):
        people = [stack.newcomer(first + i) for i in range(min(rate * 2, 40))]
        waiting: list[threading.Thread] = []
        took: dict[int, float] = {}

        def turn(person: object, text: str, number: int, found: dict[int, float] = took) -> None:
            seen = len(person.texts())  # type: ignore[attr-defined]
            begun = time.perf_counter()
            person.say(text)  # type: ignore[attr-defined]
            person.wait_count(seen + 1, timeout_s=60)  # type: ignore[attr-defined]
            found[number] = (time.perf_counter() - begun) * 1000

        began = time.perf_counter()
        for number in range(rate * seconds):
            arguments = (people[number % len(people)], questions[number % len(questions)], number)
            thread = threading.Thread(target=turn, args=arguments)
            thread.start()
            waiting.append(thread)
            time.sleep(max(0.0, began + (number + 1) / rate - time.perf_counter()))
        paged = len(stack.staff.texts())
        begun = time.perf_counter()
        people[0].say("aku mau bunuh diri malam ini")
        stack.staff.wait_count(paged + 1, timeout_s=60)
        page_ms = (time.perf_counter() - begun) * 1000
        for thread in waiting:
            thread.join()
        times = [took[number] for number in sorted(took)]
        # A queue that grows shows in the later quarters.
        quarters = [f"{np.median(part):.0f}" for part in np.array_split(times, 4)]
        rows.append((f"{rate}/s", str(len(times)), *percentiles(times), " ".join(quarters), f"{page_ms:.0f}"))
    head = ("rate", "n", "p50", "p95", "p99", "p50 by quarter", "page ms")
    return text_table("Turns under load, ms; and a page at its end", head, rows)


def memory(stack: Stack) -> str:
    """Return the resident memory of every process of the stack, MB."""
    found = subprocess.run(["ps", "-e", "-o", "pid,ppid,rss,args"], capture_output=True, text=True, check=True).stdout
    processes = [line.split(None, 3) for line in found.splitlines()[1:]]
    family = {stack.process.pid}
    for _ in range(4):
        family |= {int(pid) for pid, parent, *_ in processes if int(parent) in family}
    rows, total = [], 0.0
    for pid, _parent, rss, command in processes:
        if int(pid) in family:
            name = "Rasa" if "rasa" in command else "action server" if "actions" in command else "gateway"
            rows.append((name, f"{int(rss) / 1024:.0f}"))
            total += int(rss) / 1024
    rows.append(("all", f"{total:.0f}"))
    return text_table("Resident memory, MB", ("process", "MB"), rows)


if __name__ == "__main__":
    raise SystemExit(main())
