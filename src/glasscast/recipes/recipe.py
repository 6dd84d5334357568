"""What a recipe says: names, data, trainings, panels and claims of one figure or table."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from glasscast.config import Settings

#: Panel -> the series drawn in it.
Panels = dict[str, tuple[str, ...]]


#: Data of which reasons are told: the bundled sample, the ten public configurations at T = 0.44.
ReasonsOf = Literal["sample", "ten at T = 0.44"]


class Variant(Settings):
    """One name of a recipe: what tells it from the others that are drawn alike."""

    parameters: dict[str, float | str] = Field({}, description="given to the drawing function")
    panels: Panels | None = Field(None, description="of this name alone; default: the recipe's")
    claims: tuple[int, ...] | None = Field(
        None, description="numbers of the claims judged here; default: all"
    )


class Recipe(Settings):
    """A figure or a table of a paper, or several that are drawn alike.

    ``data`` are what the paper drew it from, by their names in ``data.yaml``; ``stand_in`` says
    whether the bundled sample can stand for the first of them: ``time`` at equal stage of
    relaxation, ``structure`` in what concerns structure alone, ``no``.
    """

    title: str
    shows: str = Field(description="what is drawn, in one line")
    draw: str = Field(description="module.function of the paper's package")
    names: dict[str, Variant] = Field(min_length=1, description="name in the paper -> variant")
    data: tuple[str, ...] = ()
    stand_in: Literal["time", "structure", "no"] = "time"
    trainings: tuple[str, ...] = Field((), description="keys of trainings.yaml")
    panels: Panels = Field({}, description="panel -> series; `*`: any, one a time")
    claims: tuple[str, ...] = Field((), description="what the paper says is seen, from 1 up")
    settings: str = Field("", description="of the paper, where the figure depends on them")
    differs: str = Field("", description="what the sample changes")
    doubts: str = Field("", description="what text and caption leave open")
    printed: str = Field("", description="numbers of the paper or of its authors laid over ours")
    reasons: dict[ReasonsOf, dict[int, str]] = Field(
        {}, description="data -> number of a claim -> why they do not show it, as far as known"
    )
    minutes: float = Field(0.2, gt=0, le=10, description="core-minutes at sample scale, about")

    @model_validator(mode="after")
    def _known_claims(self) -> Self:
        for name, variant in self.names.items():
            unknown = set(variant.claims or ()) - set(range(1, len(self.claims) + 1))
            if unknown:
                raise ValueError(f"{name} judges claim {min(unknown)}, which is not among them")
            if not self.panels_of(name):
                raise ValueError(f"{name} has no panels")
        return self

    def panels_of(self, name: str) -> Panels:
        """Panels and series of one name."""
        own = self.names[name].panels
        return self.panels if own is None else own

    def claims_of(self, name: str) -> dict[int, str]:
        """Claims that one name judges."""
        own = self.names[name].claims
        numbered = dict(enumerate(self.claims, 1))
        return numbered if own is None else {k: numbered[k] for k in own}


class PaperData(Settings):
    """A state point that a paper drew from, and how it is told from others.

    ``liquid: any`` asks for nothing but particles: structure alone.
    """

    words: str = Field(description="for people")
    liquid: str
    temperature: float | None = None
    remark: str = Field("", description="what else the paper's data have")
