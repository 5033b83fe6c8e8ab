"""The API's description as a page for people: made from OpenAPI alone, and needs no other host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

import orjson
from starlette.responses import HTMLResponse

Schema = Mapping[str, Any]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
code, pre { background: #f3f3f3 } code { padding: .1em .3em } pre { padding: 1em; overflow: auto }
pre code { padding: 0 } summary { cursor: pointer; padding: .3em 0 } h3 { margin: 1em 0 .3em }
summary b { display: inline-block; width: 4.5em } details details { margin-left: 1em }
table { border-collapse: collapse; width: 100%; font-size: 14px; overflow-wrap: anywhere }
td, th { border-top: 1px solid #ddd; padding: .3em .6em .3em 0; text-align: left;
  vertical-align: top }
th { white-space: nowrap }
"""
_DEEPEST = 2
"""How far into a field its own fields are shown."""
_EVERYWHERE = "X-Correlation-Id"
_LIMITS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("pattern", "`{}`"),
    ("default", "default `{}`"),
)


def reference_page(document: Mapping[str, Any]) -> HTMLResponse:
    """A page with every operation of the document."""
    return HTMLResponse(_Page(document).html())


class _Page:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._schemas: Mapping[str, Schema] = document["components"]["schemas"]

    def html(self) -> str:
        info, problem = self._document["info"], self._schemas["ProblemDetails"]
        operations = "".join(
            self._operation(path, method, operation)
            for path, methods in self._document["paths"].items()
            for method, operation in methods.items()
        )
        return (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}"
            f"</title><style>{_STYLE}</style><h1>{escape(info['title'])} "
            f"{escape(info['version'])}</h1>{_paragraphs(info['description'])}"
            f"<p><a href=openapi.json>openapi.json</a></p>{operations}"
            f"<h2>Errors</h2>{_paragraphs(problem['description'])}{self._fields(problem)}"
        )

    def _operation(self, path: str, method: str, operation: Mapping[str, Any]) -> str:
        content = operation.get("requestBody", {}).get("content", {})
        body = content.get("application/json", {}).get("schema")
        return (
            f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
            f"{escape(operation['summary'])}</summary>{_paragraphs(operation['description'])}"
            f"{self._parameters(operation.get('parameters', ()))}"
            f"{'<h3>Body</h3>' + self._body(body) if body else ''}"
            f"<h3>Answers</h3>{self._answers(operation['responses'])}</details>"
        )

    def _parameters(self, parameters: Iterable[Mapping[str, Any]]) -> str:
        rows = [
            (
                f"`{each['name']}`",
                f"{each['in']}, {self._type(each['schema'])}",
                "yes" if each.get("required") else "",
                self._said_of({**each["schema"], **each}),
            )
            for each in parameters
        ]
        head = ("parameter", "type", "required", "")
        return f"<h3>Parameters</h3>{_table(head, rows)}" if rows else ""

    def _answers(self, answers: Mapping[str, Mapping[str, Any]]) -> str:
        rows, bodies = [], []
        for status, answer in answers.items():
            content = answer.get("content", {})
            problems = content.get("application/problem+json", {}).get("examples", {})
            said = "\n\n".join(f"`{type_}`: {each['summary']}" for type_, each in problems.items())
            headers = "\n\n".join(
                f"`{name}`: {header['description']}"
                for name, header in answer.get("headers", {}).items()
                if name != _EVERYWHERE
            )
            rows.append((status, said or answer["description"], headers))
            schema = content.get("application/json", {}).get("schema", {})
            bodies += [(status, each) for each in schema.get("anyOf", [schema]) if each]
        details = "".join(
            f"<details><summary>{status}: {_inline(self._title(schema))}</summary>"
            f"{self._body(schema)}</details>"
            for status, schema in bodies
        )
        return _table(("status", "", "headers"), rows) + details

    def _title(self, schema: Schema) -> str:
        title: str = self._resolved(schema)["title"]
        return f"the fields and an example of `{title}`"

    def _body(self, schema: Schema) -> str:
        examples = "".join(
            f"<pre><code>{escape(orjson.dumps(each, option=orjson.OPT_INDENT_2).decode())}"
            "</code></pre>"
            for each in self._resolved(schema).get("examples", ())
        )
        return self._fields(schema) + examples

    def _fields(self, schema: Schema) -> str:
        return _table(("field", "type", "required", ""), self._rows(schema, "", 0))

    def _rows(self, schema: Schema, prefix: str, depth: int) -> Iterator[tuple[str, ...]]:
        """A row for each field, followed by those of the fields in it."""
        whole = self._resolved(schema)
        required = whole.get("required", ())
        for name, field in whole.get("properties", {}).items():
            said = self._said_of(field)
            yield (
                f"`{prefix}{name}`",
                self._type(field),
                "yes" if name in required else "",
                said,
            )
            if depth < _DEEPEST:
                inner, suffix = self._inside(field)
                yield from self._choices(inner, f"{prefix}{name}{suffix}")
                yield from self._rows(inner, f"{prefix}{name}{suffix}.", depth + 1)

    def _choices(self, schema: Schema, prefix: str) -> Iterator[tuple[str, ...]]:
        """A row for each kind of object that this one may be, told apart by a constant field."""
        for choice in schema.get("oneOf", ()):
            (name, kind), *others = choice["properties"].items()
            said = [
                f"`{other}` ({self._type(field)}"
                f"{', required' if other in choice['required'] else ''}): {self._said_of(field)}"
                for other, field in others
            ]
            yield (
                f"`{prefix}`",
                f"object with `{name}`: `{kind['const']}`",
                "",
                "\n\n".join([choice["description"].partition("\n\n")[0], *said]),
            )

    def _inside(self, field: Schema) -> tuple[Schema, str]:
        """The object that a field has, or is a list of, and what stands for that in its name."""
        for each in field.get("anyOf", [field]):
            whole = self._resolved(each)
            if "items" in whole:
                return self._resolved(whole["items"]), "[]"
            if "properties" in whole:
                return whole, ""
        return {}, ""

    def _type(self, schema: Schema) -> str:
        whole = self._resolved(schema)
        if "anyOf" in whole:
            return " or ".join(self._type(each) for each in whole["anyOf"])
        if "const" in whole:
            return f"`{orjson.dumps(whole['const']).decode()}`"
        if "enum" in whole:
            return "one of " + ", ".join(f"`{each}`" for each in whole["enum"])
        if "items" in whole:
            return f"list of {self._type(whole['items'])}"
        if whole.get("format") == "date-time":
            return "time"
        return str(whole.get("type", "object" if "oneOf" in whole else "any JSON"))

    def _said_of(self, field: Schema) -> str:
        """Its description and its limits."""
        choices = [self._resolved(each) for each in field.get("anyOf", [field])]
        described = (each["description"] for each in (field, *choices) if "description" in each)
        said = [each.partition("\n\n")[0] for each in described][:1]
        for name, words in _LIMITS:
            limit = next((each[name] for each in (field, *choices) if name in each), None)
            if limit is not None and limit != "":
                shown = limit if isinstance(limit, str) else orjson.dumps(_whole_number(limit))
                text = shown if isinstance(shown, str) else shown.decode()
                said.append(words.format(text))
        if not said:
            return ""
        first, *rest = said
        return first if not rest else f"{first.rstrip('.')}; {', '.join(rest)}"

    def _resolved(self, schema: Schema) -> Schema:
        name = schema.get("$ref", "").rpartition("/")[2]
        return self._schemas[name] if name else schema


def _whole_number(limit: Any) -> Any:
    """JSON Schema's limits may be written 1.0 and mean 1."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = "".join(
        "<tr>" + "".join(f"<td>{_lines(cell)}" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{''.join(f'<th>{each}' for each in head)}</tr>{cells}</table>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_inline(each)}</p>" for each in text.split("\n\n"))


def _lines(text: str) -> str:
    return "<br>".join(_inline(each) for each in text.split("\n\n"))


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
