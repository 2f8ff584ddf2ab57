"""``fields track``: a video, camera or stream in, a take out, without a window."""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.terminal import Terminal
from fields_core.errors import ExportError, SettingsError
from fields_core.progress import Progress

if TYPE_CHECKING:
    from fields_core.live.counters import LiveCounters
    from fields_core.live.pipeline import LivePipeline, LiveResult
    from fields_core.live.tracker import Tracker

TAKE_SUFFIX = ".take"
CODERS = ("auto", "fit", "encoder")
_LOOK = 0.25  # seconds between looks at a run


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "track",
        help="follow the faces of a video or camera and record a take",
        description="Follow every face of a video, a folder of pictures, a camera or a stream, and record what was "
        "tracked. A file is tracked frame by frame and none is left out; a camera until Ctrl-C or --seconds, and the "
        "latest frame wins.",
        epilog="Exit status: 0 done, 1 no face was seen, 2 wrong usage or nothing done, 130 interrupted.",
    )
    parser.add_argument(
        "source", metavar="SOURCE", help="video file, folder of pictures, number of a camera, or address of a stream"
    )
    parser.add_argument("--out", required=True, metavar="TAKE", help=f"take to write ({TAKE_SUFFIX})")
    parser.add_argument("--video", action="store_true", help="keep the pictures in the take too")
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after so many seconds of recording")
    parser.add_argument("--calm", type=float, default=0.5, metavar="X", help="smoothing: 0 raw to 1 calm (default: .5)")
    parser.add_argument("--faces", type=int, default=4, metavar="N", help="follow at most N faces (default: 4)")
    parser.add_argument(
        "--coder", choices=CODERS, default="auto", help="fit landmarks, or ask the encoder (default: it, if installed)"
    )
    parser.add_argument("--head", metavar="FILE", help="another head model: .npz, or FLAME 2020/2023 .pkl")
    parser.add_argument(
        "--stream",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="also send every face on while it is tracked: vmc://HOST:PORT or livelink://HOST:PORT/SUBJECT; vmc or "
        "livelink alone is this computer. May be given more than once",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Track one source to its end."""
    take = _take_path(arguments)
    _require_sense(arguments)
    from fields_core.live.source import find_source

    source = find_source(arguments.source)
    terminal.note("Loading the head model and the face landmarker ...")
    from fields_core.head import load_head
    from fields_core.live.networks import installed_networks
    from fields_core.live.person import TrackerSettings
    from fields_core.live.pipeline import LivePipeline
    from fields_core.live.tracker import Tracker
    from fields_core.streams.stream import open_stream
    from fields_core.takes.recorder import TakeRecorder

    head = load_head(Path(arguments.head).expanduser() if arguments.head else None)
    networks = installed_networks(head)
    if arguments.coder == "encoder" and networks.coder is None:
        raise SettingsError(
            "No encoder is installed", expected="encoder.safetensors", remedy="Train or import one, or use --coder fit."
        )
    coder = None if arguments.coder == "fit" else networks.coder
    settings = TrackerSettings(calm=arguments.calm)

    def make_tracker() -> Tracker:
        return Tracker(head, coder, settings, networks.emotion, max_faces=arguments.faces)

    tally = _Tally(arguments.seconds)
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(contextlib.closing(open_stream(to, head))) for to in arguments.stream]
        recorder = stack.enter_context(TakeRecorder(take, head, source=source.name, pictures=arguments.video))

        def keep(result: LiveResult) -> None:
            if tally.wants(result):
                recorder.write(result.tracked, result.frame)
                tally.add(result)
                for stream in streams:
                    stream.send(result.tracked)

        pipeline = LivePipeline(source, make_tracker, keep, lossless=True)
        try:
            _watch(pipeline, tally, terminal)
        finally:
            pipeline.stop()
            if not tally.frames:
                recorder.close()
                take.unlink(missing_ok=True)  # the source never came: an empty take helps nobody
    for address, stream in zip(arguments.stream, streams, strict=True):
        sender = stream.sender
        terminal.note(f"{address}: {sender.sent} frames sent, {sender.skipped} skipped, {sender.failed} failed")
        if sender.last_error:
            terminal.warn(f"{address}: {sender.last_error}")
    if not tally.frames:
        raise SettingsError(
            f"Not one frame came from {source.name}",
            expected="a video, a folder of pictures, a camera or a stream that shows something",
            remedy="fields reconstruct makes heads of single photos." if not source.live else "Try it again.",
        )
    terminal.note(_summary(take, tally, pipeline.counters))
    return 0 if tally.faces else 1


class _Tally:
    """What was recorded so far. Filled on the tracking thread, read on the main one."""

    def __init__(self, seconds: float | None) -> None:
        self.frames = self.faces = 0
        self.ids: set[int] = set()
        self._limit = seconds
        self._first: float | None = None
        self.full = False

    def wants(self, result: LiveResult) -> bool:
        """Whether this frame is within the time asked for."""
        if self._first is None:
            self._first = result.tracked.timestamp
        self.full = self._limit is not None and result.tracked.timestamp - self._first >= self._limit
        return not self.full

    def add(self, result: LiveResult) -> None:
        self.frames += 1
        seen = [face for face in result.tracked.faces if face.seen]
        self.faces += bool(seen)
        self.ids.update(face.id for face in seen)


def _watch(pipeline: LivePipeline, tally: _Tally, terminal: Terminal) -> None:
    """Show how far it is until it is over. Ctrl-C ends a camera's recording and is no failure; of a file it is one."""
    from fields_core.live.pipeline import LiveState

    said = ""
    with terminal.progress() as bar:
        pipeline.start()
        total = getattr(pipeline.source, "length", 0)
        try:
            while pipeline.running and not tally.full:
                time.sleep(_LOOK)
                total = total or getattr(pipeline.source, "length", 0)
                counters = pipeline.counters
                bar.show(Progress(tally.frames, total, f"{counters.tracked_rate:.0f} frames/s"))
                # A camera that broke off may come back. What ends the run is said once, at its end.
                trouble = str(pipeline.error) if pipeline.error and pipeline.state is LiveState.LOST else ""
                if trouble and trouble != said:
                    terminal.warn(trouble)
                said = trouble
        except KeyboardInterrupt:
            if not pipeline.source.live:
                raise
            terminal.note("Stopped.")
            return
    if not tally.full:
        pipeline.join()


def _take_path(arguments: argparse.Namespace) -> Path:
    path = Path(arguments.out).expanduser()
    if path.suffix.lower() != TAKE_SUFFIX:
        raise SettingsError(
            f"{path} is not the name of a take", expected=f"a name ending in {TAKE_SUFFIX}", found=path.suffix or "none"
        )
    if path.exists():
        raise ExportError(f"{path} exists already", remedy="Choose another --out, or remove it first.")
    return path


def _require_sense(arguments: argparse.Namespace) -> None:
    wrong = [
        (not 0.0 <= arguments.calm <= 1.0, "--calm", "0 to 1", arguments.calm),
        (arguments.faces < 1, "--faces", "at least 1", arguments.faces),
        (arguments.seconds is not None and not arguments.seconds > 0.0, "--seconds", "more than 0", arguments.seconds),
    ]
    for bad, option, expected, found in wrong:
        if bad:
            raise SettingsError(f"{option} makes no sense", expected=expected, found=str(found))


def _summary(take: Path, tally: _Tally, counters: LiveCounters) -> str:
    people = len(tally.ids)
    return (
        f"{take}: {tally.frames} frames, a face in {tally.faces} of them, {people} "
        f"{'person' if people == 1 else 'people'}, {counters.dropped} frames dropped, {counters.tracked_rate:.0f} "
        f"frames/s, {1e3 * counters.latency:.0f} ms a frame"
    )
