"""NamedTuple, at a tenth of what the one of `typing` costs to define a class with.

That one writes a constructor as text and compiles it, 70 to 130 µs for each class. The two dozen that `get` loads were
1.6 of its 27 ms. To a type checker this is the one of `typing`, and a test holds that it does the same.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from operator import itemgetter

    class _Naming(type):
        """Makes the annotations of a class the names of its items, and what they are set to their defaults."""

        def __new__(mcs, name, bases, body):
            made = super().__new__(mcs, name, bases, {"__slots__": (), **body})
            made._fields = made.__match_args__ = tuple(made.__annotations__)
            made._field_defaults = {field: body[field] for field in made._fields if field in body}
            for place, field in enumerate(made._fields):
                setattr(made, field, property(itemgetter(place)))
            return made

    class NamedTuple(tuple, metaclass=_Naming):
        """A tuple whose items have names; define a class with it as with `typing.NamedTuple`."""

        def __new__(cls, *values, **named):
            """Return a tuple of the values, by place or by name; raises TypeError unless each field has one."""
            if named or len(values) != len(cls._fields):
                values = cls._filled(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _filled(cls, values, named):
            given = dict(zip(cls._fields, values, strict=False))
            known = {**cls._field_defaults, **given, **named}
            if len(values) > len(given) or given.keys() & named or len(known) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has {', '.join(cls._fields)}, one value each")
            return map(known.__getitem__, cls._fields)

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            items = ", ".join(f"{field}={value!r}" for field, value in self._asdict().items())
            return f"{type(self).__name__}({items})"

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes):
            return type(self)(**{**self._asdict(), **changes})


__all__ = ["NamedTuple"]
