"""The base of all typed records in files, and the words that they share."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator

#: Version of the files of configurations and datasets.
VERSION = 2


def plain_name(name: str, most: int = 120) -> str:
    """Return a name of a configuration, or a file's of so many bytes; ValueError otherwise."""
    if not name or name.startswith(".") or len(name.encode()) > most:
        raise ValueError(f"a name has 1 to {most} bytes and no leading dot")
    if any(ord(c) < 32 or c in "/\\" for c in name):
        raise ValueError("a name holds no slash and no control character")
    return name


def _qualified(name: str) -> str:
    for part in name.split("/", 1):
        plain_name(part)
    return name


Name = Annotated[str, AfterValidator(plain_name)]
#: A parent of another dataset is named DATASET/NAME.
Parent = Annotated[str, AfterValidator(_qualified)]
SpeciesName = Annotated[str, StringConstraints(pattern=r"^[^\s:\"'<>&]{1,40}$")]
Root = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
#: ``start``: labels run forward from it; ``copy``: thermal copy with its parent's labels;
#: ``reversed``: end of one run, labels run back along it; ``chain``: frame of a long run.
Kind = Literal["start", "copy", "reversed", "chain"]
#: Kinds whose labels are of one run or two.
SINGLE_RUNS = ("reversed", "chain")
WaveNumberFrom = Literal["first peak of S(q)", "2 pi / sigma_AA", "given"]
TauFrom = Literal["1/e", "fit", "published", "given"]
EquilibriumField = Literal["inherent", "cage"]


class Record(BaseModel):
    """Base: finite and frozen; unknown keys are refused but for ``x_NAME`` of add-ins."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, strict=False)

    @model_validator(mode="after")
    def _no_unknown_key(self) -> Self:
        for key in self.model_extra or {}:
            if not key.startswith("x_"):
                raise ValueError(f"unknown key '{key}'")
        return self
