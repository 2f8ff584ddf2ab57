"""What a training run is told: frozen dataclasses, to and from JSON or TOML."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from fields_core.errors import SettingsError
from fields_core.files import replacing

Stage = Literal["pretrain", "a", "b"]
STAGES: tuple[Stage, ...] = get_args(Stage)
SIZE_LIMIT = 1 << 20  # bytes of a configuration file


@dataclass(frozen=True)
class EncoderChoice:
    """Which network is trained; see `fields_core.encoder.face_encoder`."""

    layout: Literal["rectified", "three-branch", "shared"] = "rectified"
    """"rectified" also looks at the detector's landmarks; the others, SMIRK's way, at the picture alone. "shared" is
    split before step A, so that training the expression cannot disturb pose and shape."""
    pose_backbone: str = "tf_mobilenetv3_small_minimal_100"
    shape_backbone: str = "tf_mobilenetv3_large_minimal_100"
    expression_backbone: str = "mobilenetv3_small_100"
    gaze: bool = True


@dataclass(frozen=True)
class DataConfig:
    """Which shards are read and how batches are mixed of them."""

    sources: tuple[str, ...] = ()
    """Names of data sets in the folders (``NAME-000000.tar``); empty: all of them."""
    fraction_3d: float = 0.25
    fraction_labelled: float = 0.25
    fraction_plain: float = 0.5
    fraction_people: float = 0.0
    """Shares of a batch: samples with 3D truth, with an emotion label, any photo, and two photos each of people of whom
    there are several (for the identity loss). Kinds without samples drop out."""
    people_share: float = 1.0
    """Share of the people whose photos are trained on; the smaller share is always part of the larger one."""
    holdout_every: int = 20
    """Every so many samples of each data set are for validation only."""
    validation_samples: int = 256
    """At most so many of each kind, spread evenly."""
    workers: int = 1
    """Processes that read and vary samples; 0 does it in between."""


@dataclass(frozen=True)
class LossWeights:
    """Factors of the loss terms (method: landmarks to photometric after SMIRK and DECA, the rest our own)."""

    landmarks: float = 100.0
    eye_closure: float = 1.0
    lip_closure: float = 0.5
    direct_3d: float = 1.0
    pose_shape_3d: float = 1.0
    """Head pose and shape where 3D truth is present; pretraining only."""
    identity: float = 0.1
    """On how far, in millimetres, the shapes of one person's photos differ; pretraining only."""
    emotion: float = 0.1
    """On all terms of the emotion loss."""
    calibration: float = 1.0
    """Among them, on that which keeps the intensity true."""
    base: float = 1e-2
    shape_prior: float = 1e-2
    expression_prior: float = 1e-2
    photometric: float = 0.0
    """2 in DECA; costs a rendering a step."""
    synthesis: float = 10.0
    cycle: float = 1.0


@dataclass(frozen=True)
class StageConfig:
    """One stage; 0 steps leave it out."""

    steps: int = 0
    learning_rate: float = 1e-3
    warmup: int = 100
    """Steps in which the rate rises from 0; then it falls as a cosine."""
    weight_decay: float = 1e-4
    expression_rate: float = 1.0
    """Factor on the expression branch's learning rate."""


@dataclass(frozen=True)
class TrainConfig:
    """A whole run."""

    encoder: EncoderChoice = EncoderChoice()
    data: DataConfig = DataConfig()
    losses: LossWeights = LossWeights()
    pretrain: StageConfig = StageConfig(8000, learning_rate=2e-3)
    a: StageConfig = StageConfig(4000, learning_rate=3e-4)
    b: StageConfig = StageConfig(0, learning_rate=3e-4, expression_rate=0.1)
    batch_size: int = 32
    seed: int = 0
    emotion_loss: Literal["intensity-aware", "plain"] = "intensity-aware"
    """"plain": cross entropy alone, for the ablation."""
    truth_3d: bool = True
    """Whether steps A and B know the expressions of samples with 3D truth, and how intense they are; for the ablation.
    False: they are photos to them. Pretraining always knows."""
    class_balance: float = 0.5
    """Exponent: classes weigh (1 / their frequency) to this power; 0 takes them as they come."""
    intensity_scale: float | None = None
    """d95 in metres; None: what the 3D set says of itself, or measured on it."""
    ema_decay: float = 0.999
    gradient_clip: float = 1.0
    precision: Literal["float32", "bfloat16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = None
    """Of the processor; None leaves the choice to torch."""
    validate_every: int = 500
    """Steps."""
    keep: Literal["best", "last"] = "best"
    """Which weights a stage hands on: those with the least validation loss, or the last ones."""
    patience: int = 0
    """Validations without improvement after which a stage ends; 0: never."""
    pictures_every: int = 1
    """Validations between pictures; 0: none."""
    log_every: int = 20
    """Steps."""
    checkpoint_minutes: float = 5.0
    decoder_width: int = 16
    """Channels of the synthesis decoder's first level."""

    def stage(self, name: Stage) -> StageConfig:
        stages: dict[Stage, StageConfig] = {"pretrain": self.pretrain, "a": self.a, "b": self.b}
        return stages[name]

    @property
    def total_steps(self) -> int:
        return sum(self.stage(name).steps for name in STAGES)

    def __post_init__(self) -> None:
        """Raises:
        SettingsError: a value that makes no sense.
        """
        _positive("batch_size", self.batch_size)
        _positive("validate_every", self.validate_every)
        _positive("log_every", self.log_every)
        _positive("decoder_width", self.decoder_width)
        _positive("checkpoint_minutes", self.checkpoint_minutes)
        _positive("gradient_clip", self.gradient_clip)
        _positive("data.validation_samples", self.data.validation_samples)
        _within("data.holdout_every", self.data.holdout_every, 2)
        for name in ("seed", "patience", "pictures_every", "class_balance"):
            _within(name, getattr(self, name), 0)
        _positive("data.people_share", self.data.people_share)
        _within("data.people_share", self.data.people_share, 0, 1)
        _within("data.workers", self.data.workers, 0, 64)
        _within("ema_decay", self.ema_decay, 0, 1 - 1e-9)
        for part in (self.losses, self.data):
            for item in dataclasses.fields(part):
                value = getattr(part, item.name)
                if isinstance(value, float):
                    _within(item.name, value, 0)
        for name in STAGES:
            stage = self.stage(name)
            _within(f"{name}.steps", stage.steps, 0)
            _within(f"{name}.warmup", stage.warmup, 0)
            _within(f"{name}.weight_decay", stage.weight_decay, 0)
            _within(f"{name}.expression_rate", stage.expression_rate, 0)
            _positive(f"{name}.learning_rate", stage.learning_rate)
        if self.intensity_scale is not None:
            _positive("intensity_scale", self.intensity_scale)
        if self.threads is not None:
            _positive("threads", self.threads)
        if self.total_steps == 0:
            raise SettingsError("Every stage has 0 steps", expected="at least one stage with steps")

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1, allow_nan=False) + "\n"

    @staticmethod
    def from_dict(values: dict[str, Any]) -> TrainConfig:
        """Raises:
        SettingsError: an unknown name (with the nearest known one), a value of the wrong kind or out of range.
        """
        return _parse(TrainConfig, values, "")


def load_config(path: Path) -> TrainConfig:
    """Read a configuration (.json or .toml); what it does not mention has its default.

    Raises:
        SettingsError: no such file, not readable as its ending says, or values that make no sense.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise SettingsError(f"{path} is too large for a configuration", expected="at most 1 MiB")
        text = path.read_text("utf-8")
        values = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} cannot be read as a configuration", expected="a JSON or TOML file", found=str(error)
        ) from error
    return TrainConfig.from_dict(values)


def save_config(path: Path, config: TrainConfig) -> None:
    """Write a configuration as JSON, or as TOML if ``path`` ends so.

    Raises:
        ExportError: it cannot be written.
    """
    text = _toml(dataclasses.asdict(config)) if path.suffix.lower() == ".toml" else config.to_json()
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


_T = TypeVar("_T")


def _parse(kind: type[_T], values: Any, where: str) -> _T:
    if not isinstance(values, dict):
        raise SettingsError(f"{where or 'The configuration'} is not a table of names", found=type(values).__name__)
    hints = get_type_hints(kind)
    for name in values:
        if name not in hints:
            near = difflib.get_close_matches(name, hints, 1)
            raise SettingsError(
                f"There is no setting {where}{name}",
                expected=", ".join(hints),
                found=name,
                remedy=f"Did you mean {near[0]}?" if near else "",
            )
    return kind(**{name: _value(hints[name], value, where + name) for name, value in values.items()})


def _value(hint: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return _parse(hint, value, f"{name}.")
    if hint == tuple[str, ...]:
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise _wrong(name, "a list of names", value)
    options = get_args(hint)
    if options and type(None) not in options:  # a Literal
        if value in options:
            return value
        raise _wrong(name, " or ".join(map(str, options)), value)
    if type(None) in options:
        if value is None:
            return None
        hint = next(option for option in options if option is not type(None))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not hint:
        raise _wrong(name, {int: "a whole number", float: "a number", bool: "true or false"}.get(hint, "text"), value)
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(name, "a finite number", value)
    return value


def _wrong(name: str, expected: str, value: Any) -> SettingsError:
    return SettingsError(f"The setting {name} makes no sense", expected=expected, found=repr(value))


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise _wrong(name, "a number above 0", value)


def _within(name: str, value: float, low: float, high: float = math.inf) -> None:
    if not low <= value <= high:
        raise _wrong(name, f"{low} or more" if high == math.inf else f"{low} to {high}", value)


def _toml(values: dict[str, Any], table: str = "") -> str:
    """TOML of strings, numbers, lists of strings and tables; what is None is left out, as TOML has no word for it."""
    plain = {name: value for name, value in values.items() if not isinstance(value, dict) and value is not None}
    lines = [f"[{table}]"] if table else []
    lines += [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    tables = [_toml(value, name) for name, value in values.items() if isinstance(value, dict)]
    return "\n".join(lines) + "\n" + "".join("\n" + text for text in tables)
