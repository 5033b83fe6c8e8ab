"""Parameters that list codes: countries, merchants and merchant categories (ISO 18245)."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, ClassVar, Self

from typing_extensions import override

from txplatform.domain.rules.parameters import Parameter, ParameterError

_COUNTRY = re.compile(r"[A-Z]{3}", re.ASCII)
_LONGEST_MERCHANT_ID = 64
_CATEGORIES = re.compile(r"([0-9]{4})(?:-([0-9]{4}))?", re.ASCII)
_AFTER_ANY_DIGIT = "~"


class Codes(tuple[str, ...]):  # noqa: SLOT001  # for cached properties
    """A sorted list of codes, so that the order of the input does not change the JSON.

    `code in codes` is true if an entry is the code, or is a range that includes the code.
    """

    MEANING: ClassVar[str]
    """What a code says about a merchant, in words."""

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[str, ...]]]:
        """Pickle only the entries, without the cached properties."""
        return type(self), (tuple(self),)

    @classmethod
    def problems(cls, name: str, entries: Sequence[str]) -> Iterator[ParameterError]:
        """Return everything that is wrong with the entries, each with the place of the entry."""
        invalid = False
        for place, entry in enumerate(entries):
            if (problem := cls.entry_problem(entry)) is not None:
                invalid = True
                yield ParameterError(f"{name}[{place}]", problem)
        if invalid:
            return
        in_order = sorted(range(len(entries)), key=entries.__getitem__)  # keeps the order of equals
        for before, place in pairwise(in_order):
            if cls.overlap(entries[before], entries[place]):
                yield ParameterError(
                    f"{name}[{place}]",
                    f"names a code that {name}[{before}] names too; name each code once.",
                )

    @classmethod
    def entry_problem(cls, entry: str) -> str | None:
        """Return what is wrong with an entry; None if it is a code of this kind."""
        raise NotImplementedError

    @classmethod
    def overlap(cls, entry: str, following: str) -> bool:
        """Return whether two entries, in sorted order, cover the same code."""
        return entry == following

    @cached_property
    def members(self) -> frozenset[str]:
        """The entries as a set."""
        return frozenset(self)

    def covers(self, other: Self) -> bool:
        """Return whether this list covers every code of another list."""
        return self.members >= other.members

    def first_common(self, other: Self) -> str | None:
        """Return the lowest code that both lists cover; None if they have no code in common."""
        return min(self.members & other.members, default=None)


class CountryCodes(Codes):
    """Countries, ISO 3166-1 alpha-3."""

    MEANING: ClassVar = "country"

    @override
    @classmethod
    def entry_problem(cls, entry: str) -> str | None:
        if _COUNTRY.fullmatch(entry):
            return None
        return "is not an ISO 3166-1 alpha-3 code; write three capital letters, such as GBR."


class MerchantIds(Codes):
    """Merchant ids, assigned by acquirers."""

    MEANING: ClassVar = "id"

    @override
    @classmethod
    def entry_problem(cls, entry: str) -> str | None:
        well_formed = entry.isprintable() and entry == entry.strip()
        if well_formed and 1 <= len(entry) <= _LONGEST_MERCHANT_ID:
            return None
        return (
            f"is not a merchant id; write 1 to {_LONGEST_MERCHANT_ID} printable characters without "
            "blanks around them."
        )

    def __contains__(self, merchant_id: object) -> bool:
        return merchant_id in self.members


class CategoryCodes(Codes):
    """Merchant categories (ISO 18245) and ranges of them, such as 4000-4999."""

    MEANING: ClassVar = "category"

    @override
    @classmethod
    def entry_problem(cls, entry: str) -> str | None:
        match = _CATEGORIES.fullmatch(entry)
        if match is None:
            return (
                "is not a merchant category; write four digits, such as 5942, or a range, such as "
                "4000-4999."
            )
        first, last = match.groups()
        if last is not None and last < first:
            return "ends before it begins; write the lower code first."
        return None

    @override
    @classmethod
    def overlap(cls, entry: str, following: str) -> bool:
        return following[:4] <= entry[-4:]

    def __contains__(self, code: Any) -> bool:
        return bisect_right(self.bounds, code) % 2 == 1

    @cached_property
    def bounds(self) -> tuple[str, ...]:
        """The start of every entry and the end just past its last code, in one sorted sequence.

        `bisect_right(bounds, code)` is odd if an entry covers the code. Half of the result, rounded
        down, is then the index of the entry. A set would hardly be faster, and one range could need
        10,000 members. For text that is not a code, the result is arbitrary but harmless.
        """
        return tuple(
            chain.from_iterable((entry[:4], entry[-4:] + _AFTER_ANY_DIGIT) for entry in self)
        )

    @cached_property
    def mask(self) -> int:
        """An integer with one bit for each covered code, for comparing whole lists."""
        mask = 0
        for entry in self:
            first, last = int(entry[:4]), int(entry[-4:])
            mask |= ((1 << (last - first + 1)) - 1) << first
        return mask

    @override
    def covers(self, other: Self) -> bool:
        return not other.mask & ~self.mask

    @override
    def first_common(self, other: Self) -> str | None:
        common = self.mask & other.mask
        lowest_bit = common & -common
        return f"{lowest_bit.bit_length() - 1:04d}" if common else None


_EVERY_CATEGORY = CategoryCodes(("0000-9999",))


def is_every_category(categories: tuple[str, ...]) -> bool:
    """Return whether the entries cover all merchant categories."""
    return CategoryCodes(categories).covers(_EVERY_CATEGORY)


@dataclass(frozen=True, slots=True)
class CodeList(Parameter):
    """A parameter that is a list of codes.

    Attributes:
        if_empty: The consequence of an empty list, for the error text; None if the list may be
            empty.
    """

    kind: type[Codes]
    if_empty: str | None = None

    @override
    def problems(self, name: str, value: Any) -> Iterator[ParameterError]:
        if self.if_empty is not None and not value:
            problem = f"is empty, {self.if_empty}; name at least one or drop the rule."
            yield ParameterError(name, problem)
        yield from self.kind.problems(name, value)

    @override
    def canonical(self, value: Any) -> Any:
        return self.kind(sorted(value))

    @override
    def written(self, value: Any) -> Any:
        return list(value)

    @override
    def changes(self, name: str, old: Any, new: Any) -> Iterator[str]:
        added, removed = sorted(set(new) - set(old)), sorted(set(old) - set(new))
        if added:
            yield f"{name} gains {', '.join(added)}"
        if removed:
            yield f"{name} loses {', '.join(removed)}"


@dataclass(frozen=True, slots=True)
class AllowList(CodeList):
    """A parameter that lists the allowed codes; removing a code makes the rule stricter."""

    if_empty: str | None = "so it would refuse every purchase"

    @override
    def at_least_as_strict(self, value: Any, than: Any) -> bool:
        return bool(than.covers(value))


@dataclass(frozen=True, slots=True)
class DenyList(CodeList):
    """A parameter that lists the refused codes; adding a code makes the rule stricter."""

    if_empty: str | None = "so it would refuse nothing"

    @override
    def at_least_as_strict(self, value: Any, than: Any) -> bool:
        return bool(value.covers(than))
